import { describe, expect, it } from 'vitest';
import { type Cursor, EventLog, type EventLogOptions, LogMemory } from '../../../src/log/index.ts';
import { frameHeaderBytes, readFramePayload } from '../../../src/protocol/websocket-frame.ts';
import { Random } from '../../../src/simulator/random.ts';

const TYPE = 5;

function newLog(options: Partial<EventLogOptions> = {}): EventLog {
  return new EventLog({ maxBytes: 1 << 30, maxAgeMs: 60_000, memory: new LogMemory(1 << 30), ...options });
}

function payloadOf(sequence: number, bytes = 600): Buffer {
  return Buffer.from(`#${sequence}:`.padEnd(bytes, '.'));
}

function fill(log: EventLog, from: number, to: number, bytes = 600, nowMs = 0): void {
  for (let sequence = from; sequence <= to; sequence++)
    log.append(sequence, TYPE, payloadOf(sequence, bytes), nowMs);
}

/** The payloads in a run of frames. */
function payloadsIn(frames: Buffer): string[] {
  const payloads: string[] = [];
  for (let offset = 0; offset < frames.length; ) {
    const payload = readFramePayload(frames, offset);
    if (!payload) throw new Error(`no whole frame at ${offset} of ${frames.length}`);
    payloads.push(payload.toString());
    offset += frameHeaderBytes(payload.length) + payload.length;
  }
  return payloads;
}

function drain(cursor: Cursor | undefined, maxBytes = 64 * 1024, last?: number): string[] {
  const payloads: string[] = [];
  for (let run = cursor?.read(maxBytes, last); run; run = cursor?.read(maxBytes, last))
    payloads.push(...payloadsIn(run));
  return payloads;
}

function sequencesOf(payloads: readonly string[]): number[] {
  return payloads.map((payload) => Number(/^#(\d+):/.exec(payload)?.[1]));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

it('gives back every payload as it was, in order, over many segments', () => {
  const log = newLog();
  log.reset(1);
  const cursor = log.cursorAfter(1);
  fill(log, 2, 5_000);
  expect(drain(cursor)).toEqual(range(2, 5_000).map((sequence) => payloadOf(sequence).toString()));
  expect(cursor?.sequence).toBe(5_000);
});

it.each([0, 1, 125, 126, 65_535, 65_536, 300_000])('keeps a payload of %i bytes', (bytes) => {
  const log = newLog();
  const payload = Buffer.alloc(bytes, 0x7a);
  log.append(1, TYPE, payloadOf(1), 0);
  log.append(2, TYPE, payload, 0);
  log.append(3, TYPE, payloadOf(3), 0);
  expect(drain(log.cursorAfter(0))).toEqual([
    payloadOf(1).toString(),
    payload.toString(),
    payloadOf(3).toString(),
  ]);
});

it('copies: what the caller does with its buffer afterwards changes nothing', () => {
  const log = newLog();
  const payload = payloadOf(1);
  log.append(1, TYPE, payload, 0);
  payload.fill(0);
  expect(sequencesOf(drain(log.cursorAfter(0)))).toEqual([1]);
});

describe('the window', () => {
  it('has a cursor after its floor, and none before', () => {
    const log = newLog({ maxBytes: 512 * 1024 });
    fill(log, 1, 5_000);
    expect(log.floor).toBeGreaterThan(0);
    expect(sequencesOf(drain(log.cursorAfter(log.floor)))).toEqual(range(log.floor + 1, 5_000));
    expect(log.cursorAfter(log.floor - 1)).toBeUndefined();
  });

  it('has a cursor at its head, and none beyond', () => {
    const log = newLog();
    fill(log, 1, 10);
    const atHead = log.cursorAfter(10);
    expect(atHead?.read(1_000)).toBeUndefined();
    expect(log.cursorAfter(11)).toBeUndefined();
    fill(log, 11, 11);
    expect(sequencesOf(drain(atHead))).toEqual([11]);
  });

  it('stays within its bytes, however much is appended', () => {
    const maxBytes = 1024 * 1024;
    const log = newLog({ maxBytes });
    for (let sequence = 1; sequence <= 20_000; sequence++) {
      log.append(sequence, TYPE, payloadOf(sequence), 0);
      if (log.bytes > maxBytes) throw new Error(`${log.bytes} bytes at ${sequence}`);
    }
    expect(log.droppedSegments).toBeGreaterThan(0);
    // And uses them: what is kept is most of what it may keep.
    expect((20_000 - log.floor) * 604).toBeGreaterThan(maxBytes / 2);
  });

  it('keeps a payload that is larger than the whole log', () => {
    const log = newLog({ maxBytes: 64 * 1024 });
    fill(log, 1, 3);
    log.append(4, TYPE, payloadOf(4, 300_000), 0);
    expect(log.floor).toBe(3);
    expect(sequencesOf(drain(log.cursorAfter(3)))).toEqual([4]);
  });

  it('loses what is too old with a trim, but for the newest segment', () => {
    const log = newLog({ maxAgeMs: 1_000 });
    fill(log, 1, 1_000, 600, 0);
    fill(log, 1_001, 2_000, 600, 900);
    log.trim(1_000);
    expect(log.floor).toBe(0);
    log.trim(1_001);
    expect(log.floor).toBeGreaterThan(0);
    expect(log.floor).toBeLessThanOrEqual(1_000);
    log.trim(1_000_000);
    expect(sequencesOf(drain(log.cursorAfter(log.floor))).at(-1)).toBe(2_000);
    expect(log.oldestDroppableAtMs()).toBeUndefined();
  });

  it('begins anew with a reset', () => {
    const log = newLog();
    fill(log, 1, 3_000);
    const cursor = log.cursorAfter(10);
    log.reset(1);
    expect([log.head, log.floor, log.bytes]).toEqual([1, 1, 0]);
    expect(cursor?.isLost).toBe(true);
    expect(log.cursorAfter(10)).toBeUndefined();
    fill(log, 2, 4);
    expect(sequencesOf(drain(log.cursorAfter(1)))).toEqual([2, 3, 4]);
  });

  it('passes over sequences without a record', () => {
    const log = newLog();
    log.skip(1);
    expect([log.head, log.floor]).toEqual([1, 1]);
    fill(log, 2, 3);
    log.skip(4);
    expect(log.head).toBe(4);
    fill(log, 5, 5);
    expect(sequencesOf(drain(log.cursorAfter(1)))).toEqual([2, 3, 5]);
    expect(sequencesOf(drain(log.cursorAfter(3)))).toEqual([5]);
    expect(sequencesOf(drain(log.cursorAfter(4)))).toEqual([5]);
  });
});

describe('a cursor', () => {
  it('is lost when what it has to read next leaves the log, and not before', () => {
    const log = newLog({ maxBytes: 512 * 1024 });
    fill(log, 1, 1);
    const cursor = log.cursorAfter(0);
    let sequence = 1;
    while (log.floor === 0) log.append(++sequence, TYPE, payloadOf(sequence), 0);
    expect(cursor?.isLost).toBe(true);
    const kept = log.cursorAfter(log.floor);
    expect(kept?.isLost).toBe(false);
  });

  it('is not lost by the loss of what it has read', () => {
    const log = newLog({ maxBytes: 512 * 1024 });
    const cursor = log.cursorAfter(0);
    for (let sequence = 1; sequence <= 5_000; sequence++) {
      log.append(sequence, TYPE, payloadOf(sequence), 0);
      drain(cursor);
    }
    expect(log.floor).toBeGreaterThan(0);
    expect(cursor?.isLost).toBe(false);
    expect(cursor?.sequence).toBe(5_000);
  });

  it('reads at least one frame, whatever the limit', () => {
    const log = newLog();
    fill(log, 1, 3);
    const cursor = log.cursorAfter(0);
    expect(payloadsIn(cursor?.read(1) ?? Buffer.alloc(0))).toHaveLength(1);
    expect(payloadsIn(cursor?.read(604 * 2) ?? Buffer.alloc(0))).toHaveLength(2);
  });

  it('reads no further than the sequence it is told', () => {
    const log = newLog();
    fill(log, 1, 5_000);
    const cursor = log.cursorAfter(100);
    expect(sequencesOf(drain(cursor, 10_000, 2_345))).toEqual(range(101, 2_345));
    expect(cursor?.hasUpTo(2_345)).toBe(false);
    expect(cursor?.hasUpTo(2_346)).toBe(true);
    expect(sequencesOf(drain(cursor))).toEqual(range(2_346, 5_000));
  });

  it('says since when its next record waits', () => {
    const log = newLog();
    const cursor = log.cursorAfter(0);
    expect(cursor?.oldestUnreadAtMs).toBeUndefined();
    fill(log, 1, 1, 600, 50);
    fill(log, 2, 2, 600, 70);
    expect(cursor?.oldestUnreadAtMs).toBe(50);
    cursor?.read(1);
    expect(cursor?.oldestUnreadAtMs).toBe(70);
  });
});

it('a sequence such that about so many newest bytes follow it', () => {
  const log = newLog();
  fill(log, 1, 10_000);
  const sequence = log.sequenceBefore(1024 * 1024);
  const bytes = (10_000 - sequence) * 604;
  expect(bytes).toBeLessThanOrEqual(1024 * 1024);
  expect(bytes).toBeGreaterThan(512 * 1024);
  expect(log.sequenceBefore(1 << 30)).toBe(0);
});

it('several logs together stay within the memory of the node: the oldest segments of any go', () => {
  const memory = new LogMemory(4 * 1024 * 1024);
  const logs = [newLog({ memory }), newLog({ memory }), newLog({ memory })];
  const [quiet] = logs;
  if (quiet) fill(quiet, 1, 1_000, 600, 1);
  for (let sequence = 1; sequence <= 20_000; sequence++) {
    for (const log of logs.slice(1)) log.append(sequence, TYPE, payloadOf(sequence), 10 + sequence);
    if (memory.usedBytes > memory.maxBytes) throw new Error(`${memory.usedBytes} bytes at ${sequence}`);
  }
  expect(memory.usedBytes).toBe(logs.reduce((sum, log) => sum + log.bytes, 0));
  expect(memory.evictedSegments).toBeGreaterThan(0);
  expect(quiet?.floor).toBeGreaterThan(0);
  for (const log of logs) log[Symbol.dispose]();
  expect(memory.usedBytes).toBe(0);
});

it('many readers at their own pace each get everything or learn that they are lost', () => {
  const random = new Random(3);
  for (let round = 0; round < 20; round++) {
    const log = newLog({ maxBytes: 200_000 + random.below(2_000_000), maxAgeMs: 100 });
    const start = random.below(1_000);
    log.reset(start);
    const readers = Array.from({ length: 6 }, () => ({
      cursor: log.cursorAfter(start),
      got: [] as number[],
      lost: false,
    }));
    const appended: number[] = [];
    let sequence = start;
    for (let step = 0; step < 3_000; step++) {
      sequence++;
      if (random.below(50) === 0) log.skip(sequence);
      else {
        log.append(
          sequence,
          TYPE,
          payloadOf(sequence, 1 + random.below(random.below(30) === 0 ? 70_000 : 900)),
          step,
        );
        appended.push(sequence);
      }
      if (random.below(100) === 0) log.trim(step);
      const reader = random.pick(readers);
      if (reader.lost || random.below(4) > 0) continue;
      if (reader.cursor?.isLost) reader.lost = true;
      else reader.got.push(...numbersIn(reader.cursor?.read(1 + random.below(300_000))));
    }
    for (const { cursor, got, lost } of readers) {
      const isLost = lost || cursor?.isLost === true;
      if (!isLost)
        for (let run = cursor?.read(50_000); run; run = cursor?.read(50_000)) got.push(...numbersIn(run));
      expect(got).toEqual(appended.slice(0, got.length));
      if (!isLost) expect(got.length).toBe(appended.length);
      else expect(got.at(-1) ?? start).toBeLessThan(log.floor);
    }
    expect(log.head).toBe(sequence);
  }
});

function numbersIn(frames: Buffer | undefined): number[] {
  return frames === undefined ? [] : sequencesOf(payloadsIn(frames));
}
