import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  decodeRecords,
  encodeBase,
  encodeChunk,
  type TailRecord,
} from '../../../src/cluster/embedded/tail-record.ts';
import type { TailBase, TailChunk } from '../../../src/log/index.ts';
import { Random } from '../../../src/simulator/random.ts';

const BASE: TailBase = { sequence: 7, state: { session: { sessionId: 'é"\\' }, guildIds: ['1'] } };

function chunkOf(afterSequence: number, bytes: number): TailChunk {
  const lastSequence = afterSequence + 10;
  return { afterSequence, lastSequence, writtenAtMs: 1_700_000_000_123.5, compressed: randomBytes(bytes) };
}

function kinds(file: Buffer): string[] {
  return [...decodeRecords(file)].map(({ kind }) => kind);
}

it('gives back what was encoded', () => {
  const chunks = [chunkOf(7, 0), chunkOf(17, 1), chunkOf(27, 300_000), chunkOf(2 ** 52, 5)];
  const file = Buffer.concat([encodeBase(BASE), ...chunks.map(encodeChunk)]);
  const expected: TailRecord[] = [
    { kind: 'base', base: BASE },
    ...chunks.map((chunk) => ({ kind: 'chunk' as const, chunk })),
  ];
  expect([...decodeRecords(file)]).toEqual(expected);
});

it('a file that was torn off anywhere holds the records that are whole', () => {
  const records = [encodeBase(BASE), encodeChunk(chunkOf(7, 40)), encodeChunk(chunkOf(17, 40))];
  const file = Buffer.concat(records);
  const ends = records.map((_, i) => records.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0));
  for (let length = 0; length <= file.length; length++) {
    expect(kinds(file.subarray(0, length))).toHaveLength(ends.filter((end) => end <= length).length);
  }
});

it('one byte that is wrong ends the reading before its record, wherever it is', () => {
  const records = [encodeBase(BASE), encodeChunk(chunkOf(7, 40)), encodeChunk(chunkOf(17, 40))];
  const file = Buffer.concat(records);
  const [base = Buffer.alloc(0), first = Buffer.alloc(0)] = records;
  for (let at = 0; at < file.length; at++) {
    const corrupt = Buffer.from(file);
    corrupt[at] = (corrupt[at] ?? 0) ^ 0x10;
    const whole = at < base.length ? 0 : at < base.length + first.length ? 1 : 2;
    expect(kinds(corrupt).length, `byte ${at}`).toBe(whole);
  }
});

it('reads random bytes as no records', () => {
  const random = new Random(1);
  for (let round = 0; round < 500; round++) expect(kinds(randomBytes(random.below(200)))).toEqual([]);
});
