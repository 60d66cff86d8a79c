import { describe, expect, it } from 'vitest';
import { EventTypeId, eventTypeName } from '../../../src/protocol/event-types.ts';
import { type PayloadHeader, scanHeader } from '../../../src/protocol/header-scan.ts';
import { Random } from '../../../src/simulator/random.ts';

function scan(text: string): PayloadHeader | undefined {
  const header: PayloadHeader = { op: -1, sequence: -1, typeId: -1, usedParser: false };
  return scanHeader(Buffer.from(text), header) ? header : undefined;
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

const FIELDS = ['"t":"MESSAGE_CREATE"', '"s":42', '"op":0', '"d":{"t":"READY","s":7,"op":9}'];
const ORDERS = permutations(FIELDS).map((fields) => `{${fields.join(',')}}`);

it.each(ORDERS)('reads the header of %s', (text) => {
  const header = scan(text);
  expect(header).toMatchObject({
    op: 0,
    sequence: 42,
    usedParser: !text.startsWith(`{${FIELDS.slice(0, 3).join(',')}`),
  });
  expect(eventTypeName(header?.typeId ?? -1)).toBe('MESSAGE_CREATE');
});

describe('look-alikes', () => {
  it.each([
    // The first keys are the payload's own; what d holds never counts.
    ['{"t":"A","s":3,"op":0,"d":{"content":"\\",\\"s\\":9,\\"op\\":0,\\"d\\":{}"}}', 'A', 3],
    ['{"d":{"content":"{\\"t\\":\\"B\\",\\"s\\":8,\\"op\\":0"},"t":"A","s":3,"op":0}', 'A', 3],
    ['{"t":"A","s":3,"op":0,"d":"}"}', 'A', 3],
    ['{"t":"A\\u0042","s":3,"op":0,"d":{}}', 'AB', 3],
    ['{ "t": "A", "s": 3, "op": 0, "d": {} }', 'A', 3],
    ['{"t":"A","s":3,"op":0,"d":{}}\n', 'A', 3],
    ['{"t":"A","s":999999999999999,"op":0,"d":{}}', 'A', 999_999_999_999_999],
    ['{"t":"A","s":9007199254740991,"op":0,"d":{}}', 'A', Number.MAX_SAFE_INTEGER],
    ['{"t":"A","s":3e0,"op":0,"d":{}}', 'A', 3],
    [`{"t":"${'X'.repeat(80)}","s":3,"op":0,"d":{}}`, 'X'.repeat(80), 3],
  ])('%s', (text, t, s) => {
    const header = scan(text);
    expect([eventTypeName(header?.typeId ?? -1), header?.sequence, header?.op]).toEqual([t, s, 0]);
  });
});

it.each([
  ['{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}', 10],
  ['{"t":null,"s":null,"op":9,"d":false}', 9],
  ['{"op":11}', 11],
  ['{"t":"A","s":3,"op":7,"d":null}', 7],
])('reads %s as op %i', (text, op) => {
  expect(scan(text)).toMatchObject({ op, sequence: 0 });
});

it.each([
  '',
  '{',
  'null',
  '7',
  '[]',
  '"t"',
  '{}',
  '{"op":"0"}',
  '{"op":0.5}',
  '{"t":"A","s":0,"op":0,"d":{}}',
  '{"t":"A","s":-1,"op":0,"d":{}}',
  '{"t":"A","s":1.5,"op":0,"d":{}}',
  '{"t":null,"s":1,"op":0,"d":{}}',
  '{"t":"A","s":1,"op":0,"d":{"content":"cut sho',
  '{"t":"A","s":1,"op":0,"d":',
  '{"t":"A","s":12345',
  '{"t":"A',
  '{"t":"A","s":90071992547409930,"op":0,"d":{}}',
])('refuses %j', (text) => {
  expect(scan(text)).toBeUndefined();
});

it.each([
  '{"t":"RESUMED","s":null,"op":0,"d":{}}',
  '{"t":"RESUMED","op":0,"d":{}}',
])('reads a dispatch without a sequence as sequence 0: %j', (text) => {
  expect(scan(text)).toMatchObject({ op: 0, sequence: 0 });
});

it('reads every header as JSON.parse does, whatever stands in d', () => {
  const random = new Random(7);
  const pieces = ['"', '\\', '{', '}', '[', ',', ':', '"t":"READY"', '"s":1', '"op":0', 'é', '\u2028', ' '];
  for (let round = 0; round < 2_000; round++) {
    const content = Array.from({ length: random.below(12) }, () => random.pick(pieces)).join('');
    const payload = {
      t: random.pick(['READY', 'RESUMED', 'GUILD_CREATE', 'MESSAGE_CREATE', 'NEW_EVENT']),
      s: 1 + random.below(1_000_000),
      op: 0,
      d: random.pick([
        content,
        { content },
        [content],
        { [content]: content },
        { nested: { t: 'X', s: content } },
      ]),
    };
    const header = scan(JSON.stringify(payload));
    expect(header?.usedParser).toBe(false);
    expect([eventTypeName(header?.typeId ?? -1), header?.sequence]).toEqual([payload.t, payload.s]);
  }
});

it('knows the event types that it looks at, and gives new ones an id each', () => {
  const idOf = (t: string) => scan(`{"t":"${t}","s":1,"op":0,"d":{}}`)?.typeId;
  expect([idOf('READY'), idOf('RESUMED'), idOf('GUILD_CREATE')]).toEqual([
    EventTypeId.Ready,
    EventTypeId.Resumed,
    EventTypeId.GuildCreate,
  ]);
  expect(idOf('BRAND_NEW')).toBe(idOf('BRAND_NEW'));
  expect(idOf('BRAND_NEW')).not.toBe(idOf('BRAND_NEWER'));
});

it('bounds the event types it remembers', () => {
  const ids = new Set<number | undefined>();
  for (let n = 0; n < 2_000; n++) ids.add(scan(`{"t":"HOSTILE_${n}","s":1,"op":0,"d":{}}`)?.typeId);
  expect(ids.size).toBeLessThanOrEqual(1_024);
  expect(ids).toContain(EventTypeId.Other);
  // Those that were known before are known on.
  expect(scan('{"t":"READY","s":1,"op":0,"d":{}}')?.typeId).toBe(EventTypeId.Ready);
});
