import { describe, expect, it } from 'vitest';
import { chooseApplication, splitTarget } from '../../../../src/rest/proxy/application-choice.ts';

const ONE = { id: '1' };
const TWO = { id: '2' };

describe('which application a request is for', () => {
  it.each<[string, string | undefined, string | undefined, string | number]>([
    ['the one that the path names', '2', undefined, '2'],
    ['the one that the token is bound to', undefined, '2', '2'],
    ['both, where they agree', '2', '2', '2'],
    ['none, where they do not', '1', '2', 401],
    ['none, where the path names one that is not served', '3', undefined, 404],
    ['none, where the token is bound to one that is not served', undefined, '3', 401],
    ['none, where nothing says which', undefined, undefined, 400],
  ])('%s', (_name, named, applicationId, expected) => {
    const choice = chooseApplication([ONE, TWO], named, { name: 'a', applicationId });
    expect(choice.kind === 'chosen' ? choice.application.id : choice.answer.status).toBe(expected);
  });

  it('the only one there is', () => {
    expect(chooseApplication([ONE], undefined, { name: 'a' })).toEqual({ kind: 'chosen', application: ONE });
  });
});

describe('the application before a path', () => {
  it.each([
    ['/apps/1/api/v10/users/@me?a=/apps/2/', '1', '/api/v10/users/@me?a=/apps/2/'],
    ['/api/v10/users/@me', undefined, '/api/v10/users/@me'],
    ['/apps//api', '', '/api'],
    ['/apps/1', undefined, '/apps/1'],
    ['/apps/1?/api', undefined, '/apps/1?/api'],
    ['/apps/1//evil', '1', '//evil'],
  ])('of %s', (target, named, rest) => {
    expect(splitTarget(target)).toEqual({ named, target: rest });
  });
});
