import { expect, it } from 'vitest';
import { parsePath } from '../../../src/rest/path.ts';
import { splitTarget } from '../../../src/rest/proxy/application-choice.ts';
import { isMethod, routeOf } from '../../../src/rest/route.ts';
import { COUNTED_PATHS, TRICKY_TARGETS } from './request-paths.ts';

const ID = '81384788765712384';

function majorOf(target: string, method = 'GET', authorization?: string): string {
  const path = parsePath(splitTarget(target.replace(/%(?![0-9A-F]{2})/g, ID)).target);
  if (path.kind === 'refused' || !isMethod(method)) throw new Error(`${method} ${target} is refused`);
  return routeOf(method, path, { applicationId: '100000000000000000', nowMs: 0, authorization }).major;
}

it.each(COUNTED_PATHS)('$target is counted with $sameAs', ({ target, method, sameAs }) => {
  const major = majorOf(target, method);
  expect(major).toBe(sameAs === undefined ? '' : majorOf(sameAs));
  if (sameAs !== undefined) expect(major).toContain(ID);
});

it.each(TRICKY_TARGETS)('%s is refused', (target) => {
  expect(parsePath(splitTarget(target).target)).toMatchObject({ kind: 'refused' });
});

it('of a user is counted for the user', () => {
  const [one, two] = ['Bearer one', 'Bearer two'].map((token) => majorOf('/api/v10/users/@me', 'GET', token));
  expect(one).not.toBe(two);
  expect(one).toBe(majorOf('/api/v10/users/@me/guilds/%/member', 'GET', 'Bearer one'));
});
