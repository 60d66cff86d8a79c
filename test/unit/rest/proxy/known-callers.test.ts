import { describe, expect, it } from 'vitest';
import { KnownCallers } from '../../../../src/rest/proxy/known-callers.ts';

describe('callers', () => {
  const asked: string[] = [];
  const callers = new KnownCallers({
    authenticate(token) {
      asked.push(token);
      return token.startsWith('good') ? { name: token } : undefined;
    },
  });

  it('are known by the token that was accepted on their connection, and by no other', () => {
    const [one, two] = [{}, {}];
    const names = [
      [one, 'good-1'],
      [one, 'good-1'],
      [one, 'bad'],
      [one, 'bad'],
      [one, 'good-2'],
      [two, 'good-1'],
    ].map(([connection, token]) => callers.authenticate(connection as object, String(token))?.name);
    expect(names).toEqual(['good-1', 'good-1', undefined, undefined, 'good-2', 'good-1']);
    expect(asked).toEqual(['good-1', 'bad', 'bad', 'good-2', 'good-1']);
  });

  it('are looked at again once they were forgotten', () => {
    const connection = {};
    callers.authenticate(connection, 'good-3');
    asked.length = 0;
    callers.forget();
    callers.authenticate(connection, 'good-3');
    expect(asked).toEqual(['good-3']);
  });
});
