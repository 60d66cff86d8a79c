import { expect, it } from 'vitest';
import { scalarOfD } from '../../../src/protocol/json-scan.ts';
import { Random } from '../../../src/simulator/random.ts';

function scalar(d: string, key: string): string | undefined {
  return scalarOfD(Buffer.from(`{"t":"GUILD_CREATE","s":1,"op":0,"d":${d}}`), key);
}

it.each([
  ['{"id":"1"}', 'id', '"1"'],
  ['{"name":"a","id":"2","x":1}', 'id', '"2"'],
  ['{"roles":[{"id":"9"}],"owner":{"id":"8"},"id":"3"}', 'id', '"3"'],
  ['{"name":"\\"id\\":\\"9\\"","id":"4"}', 'id', '"4"'],
  ['{"name":"\\\\","id":"5"}', 'id', '"5"'],
  ['{"name":"id","id":"6"}', 'id', '"6"'],
  ['{"name":"{[","id":"7"}', 'id', '"7"'],
  ['{"unavailable":true,"id":"1"}', 'unavailable', 'true'],
  ['{"unavailable":false}', 'unavailable', 'false'],
  ['{"n":-1.5e3}', 'n', '-1.5e3'],
  ['{"n":null}', 'n', 'null'],
  ['{"id":"é\\"x"}', 'id', '"é\\"x"'],
])('finds in %s the %s', (d, key, value) => {
  expect(scalar(d, key)).toBe(value);
});

it.each([
  ['{}', 'id'],
  ['{"roles":[{"id":"9"}]}', 'id'],
  ['{"owner":{"id":"8"}}', 'id'],
  ['{"name":"id"}', 'id'],
  ['{"ids":"1"}', 'id'],
  ['"id"', 'id'],
  ['null', 'id'],
])('finds in %s no %s', (d, key) => {
  expect(scalar(d, key)).toBeUndefined();
});

it('does not take the keys of the payload itself for those of d', () => {
  expect(scalarOfD(Buffer.from('{"id":"1","t":"X","s":1,"op":0,"d":{"id":"2"}}'), 'id')).toBe('"2"');
});

it('ends on payloads that are cut short', () => {
  const whole = '{"t":"GUILD_CREATE","s":1,"op":0,"d":{"name":"a\\\\\\"b","id":"77"}}';
  for (let end = 0; end < whole.length; end++) {
    expect(() => scalarOfD(Buffer.from(whole.slice(0, end)), 'id')).not.toThrow();
  }
});

it('agrees with JSON.parse on whatever strings stand around', () => {
  const random = new Random(11);
  const pieces = ['"', '\\', '{', '}', '[', ']', ':', ',', 'id', '"id":"0"', 'ü', '\n'];
  const text = () => Array.from({ length: random.below(10) }, () => random.pick(pieces)).join('');
  for (let round = 0; round < 2_000; round++) {
    const d = {
      name: text(),
      roles: [{ id: text(), [text()]: text() }],
      ...(random.below(2) === 0 ? { id: String(random.below(1e9)) } : {}),
      topic: { id: text() },
    };
    const expected = d.id === undefined ? undefined : JSON.stringify(d.id);
    expect(scalar(JSON.stringify(d), 'id')).toBe(expected);
  }
});
