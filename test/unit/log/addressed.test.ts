/** Records of a log that are for one reader alone. */
import { describe, expect, it } from 'vitest';
import {
  type Cursor,
  EVERYTHING,
  EventLog,
  type EventLogOptions,
  LogMemory,
  type Reader,
} from '../../../src/log/index.ts';
import { frameHeaderBytes, readFramePayload } from '../../../src/protocol/websocket-frame.ts';
import { Random } from '../../../src/simulator/random.ts';

const TYPE = 5;

function newLog(options: Partial<EventLogOptions> = {}): EventLog {
  return new EventLog({ maxBytes: 1 << 30, maxAgeMs: 60_000, memory: new LogMemory(1 << 30), ...options });
}

function append(log: EventLog, sequence: number, audience?: string, { bytes = 300, nowMs = 0 } = {}): void {
  const payload = Buffer.from(`#${sequence}:`.padEnd(bytes, '.'));
  log.append(sequence, TYPE, payload, nowMs, 0, payload.length, audience);
}

function sequencesIn(frames: Buffer | undefined): number[] {
  const sequences: number[] = [];
  for (let offset = 0; frames && offset < frames.length; ) {
    const payload = readFramePayload(frames, offset);
    if (!payload) throw new Error(`no whole frame at ${offset} of ${frames.length}`);
    sequences.push(Number(/^#(\d+):/.exec(payload.toString())?.[1]));
    offset += frameHeaderBytes(payload.length) + payload.length;
  }
  return sequences;
}

function drain(cursor: Cursor | undefined, maxBytes = 64 * 1024, last?: number): number[] {
  const sequences: number[] = [];
  for (let run = cursor?.read(maxBytes, last); run; run = cursor?.read(maxBytes, last))
    sequences.push(...sequencesIn(run));
  return sequences;
}

/** 1 to 6, of which 2 and 3 are for A, and 5 for B. */
function mixed(): EventLog {
  const log = newLog();
  for (const [index, audience] of [undefined, 'A', 'A', undefined, 'B', undefined].entries())
    append(log, index + 1, audience);
  return log;
}

describe('a record for one reader', () => {
  it.each<[string, Reader, number[]]>([
    ['that reader, with those for all', 'A', [1, 2, 3, 4, 6]],
    ['nobody else', 'C', [1, 4, 6]],
    ['no reader without a tag', undefined, [1, 4, 6]],
    ['who reads everything', EVERYTHING, [1, 2, 3, 4, 5, 6]],
  ])('is given to %s', (_, reader, sequences) => {
    expect(drain(mixed().cursorAfter(0, reader))).toEqual(sequences);
  });

  it('at the end of the log keeps no other reader from what comes next, nor makes it late', () => {
    const log = newLog();
    append(log, 1);
    const cursor = log.cursorAfter(0, 'B');
    append(log, 2, 'A', { nowMs: 5 });
    expect(drain(cursor)).toEqual([1]);
    expect([cursor?.oldestUnreadAtMs, cursor?.hasUpTo(2), cursor?.sequence]).toEqual([undefined, false, 2]);
    append(log, 3, undefined, { nowMs: 9 });
    expect(cursor?.oldestUnreadAtMs).toBe(9);
    expect(drain(cursor)).toEqual([3]);
  });

  it('is waited for by its own reader', () => {
    const log = newLog();
    append(log, 1, 'A', { nowMs: 5 });
    const cursor = log.cursorAfter(0, 'A');
    expect([cursor?.oldestUnreadAtMs, cursor?.hasUpTo(1)]).toEqual([5, true]);
  });

  it('beyond the last sequence that is asked for is left for later', () => {
    const cursor = mixed().cursorAfter(0, 'A');
    expect(drain(cursor, 64 * 1024, 2)).toEqual([1, 2]);
    expect(drain(cursor)).toEqual([3, 4, 6]);
  });

  it('that has left the log is no loss to another reader', () => {
    const log = newLog({ maxBytes: 256 * 1024 });
    append(log, 1);
    const [a, b] = [log.cursorAfter(1, 'A'), log.cursorAfter(1, 'B')];
    let sequence = 1;
    while (log.floor === 0) append(log, ++sequence, 'A');
    expect([a?.isLost, b?.isLost]).toEqual([true, false]);
  });

  it('is named with its reader in what everything is read with', () => {
    const cursor = mixed().cursorAfter(1, EVERYTHING);
    cursor?.read(700);
    expect(cursor?.addressed).toEqual([
      [2, 'A'],
      [3, 'A'],
    ]);
    cursor?.read(64 * 1024);
    expect(cursor?.addressed).toEqual([[5, 'B']]);
  });

  it('is counted', () => {
    expect(mixed().addressedRecords).toBe(3);
  });
});

it('every reader gets what is for it or for all, once and in order, or learns that it is lost', () => {
  const random = new Random(5);
  const tags = ['A', 'B', 'C'] as const;
  for (let round = 0; round < 20; round++) {
    const log = newLog({ maxBytes: 100_000 + random.below(1_000_000) });
    const all: readonly Reader[] = [...tags, undefined, EVERYTHING];
    const readers = all.map((tag) => ({
      tag: tag as Reader,
      cursor: log.cursorAfter(0, tag),
      got: [] as number[],
      isLost: false,
    }));
    const sent: { readonly sequence: number; readonly audience: string | undefined }[] = [];
    const isFor = (tag: Reader, audience: string | undefined) =>
      audience === undefined || tag === EVERYTHING || tag === audience;
    const rarity = 1 + random.below(30);
    for (let sequence = 1; sequence <= 3_000; sequence++) {
      const audience = random.below(rarity) === 0 ? random.pick(tags) : undefined;
      append(log, sequence, audience, { bytes: 10 + random.below(1_500) });
      sent.push({ sequence, audience });
      const reader = random.pick(readers);
      if (reader.isLost || random.below(3) > 0) continue;
      const limit = random.below(4) === 0 ? random.below(sequence + 1) : undefined;
      if (reader.cursor?.isLost) reader.isLost = true;
      else reader.got.push(...sequencesIn(reader.cursor?.read(1 + random.below(50_000), limit)));
    }
    for (const { tag, cursor, got, isLost } of readers) {
      const owed = sent.filter(({ audience }) => isFor(tag, audience)).map(({ sequence }) => sequence);
      const hasLost = isLost || cursor?.isLost === true;
      if (!hasLost) got.push(...drain(cursor, 10_000));
      expect(got).toEqual(owed.slice(0, got.length));
      if (!hasLost) expect(got.length).toBe(owed.length);
      else expect(owed[got.length]).toBeLessThanOrEqual(log.floor);
      const resumed = log.cursorAfter(log.floor, tag);
      expect(drain(resumed)).toEqual(owed.filter((sequence) => sequence > log.floor));
      expect([resumed?.oldestUnreadAtMs, resumed?.hasUpTo(log.head)]).toEqual([undefined, false]);
    }
  }
});
