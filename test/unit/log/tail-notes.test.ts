/** What goes through the tail beside the records: whom they are for, and what has changed of the state. */
import { expect, it } from 'vitest';
import {
  EventLog,
  LogMemory,
  loadChunk,
  type StateChanges,
  Tail,
  type TailChunk,
  TailCompressor,
} from '../../../src/log/index.ts';
import { encodeNotes, readNotes } from '../../../src/log/tail-notes.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const FLUSH_MS = 100;

/** Values by name; what was set since it was last written. */
class Changes implements StateChanges {
  #unwritten = new Map<string, number>();

  set(name: string, value: number): void {
    this.#unwritten.set(name, value);
  }

  read() {
    if (this.#unwritten.size === 0) return undefined;
    const read = new Map(this.#unwritten);
    return {
      changes: Object.fromEntries(read),
      written: () => {
        for (const [name, value] of read)
          if (this.#unwritten.get(name) === value) this.#unwritten.delete(name);
      },
    };
  }
}

function newLog(): EventLog {
  const log = new EventLog({ maxBytes: 1 << 30, maxAgeMs: 1e9, memory: new LogMemory(1 << 30) });
  log.reset(1);
  return log;
}

function newTail() {
  const stack = new AsyncDisposableStack();
  const log = newLog();
  const clock = new ManualClock();
  const changes = new Changes();
  const chunks: TailChunk[] = [];
  const store = { isBroken: false };
  const compressor = stack.use(new TailCompressor());
  const tail = stack.use(
    new Tail({
      log,
      store: {
        begin: async () => undefined,
        append: async (chunk) => {
          if (store.isBroken) throw new Error('ENOSPC');
          chunks.push(chunk);
        },
      },
      clock,
      compressor,
      flushIntervalMs: FLUSH_MS,
      flushBytes: 1 << 30,
      state: () => ({}),
      stateChanges: changes,
      onFailing: () => undefined,
      onRecovered: () => undefined,
    }),
  );
  const append = (sequence: number, audience?: string, bytes = 10) => {
    const payload = Buffer.from(`{"t":"X","s":${sequence},"op":0,"d":{"pad":"${'x'.repeat(bytes)}"}}`);
    log.append(sequence, 5, payload, clock.now(), 0, payload.length, audience);
    tail.notify();
  };
  const written = (sequence: number, stepMs = FLUSH_MS) =>
    eventually(() => {
      clock.advance(stepMs);
      return chunks.at(-1)?.lastSequence === sequence;
    });
  return {
    log,
    clock,
    changes,
    chunks,
    store,
    tail,
    append,
    written,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** As another process loads it. */
function reloaded(chunks: readonly TailChunk[]) {
  const log = newLog();
  const changes: Record<string, unknown>[] = [];
  using compressor = new TailCompressor();
  for (const chunk of chunks)
    loadChunk(chunk, log, compressor, { onChanges: (each) => changes.push({ ...each }) });
  return { log, changes };
}

it('a record for one reader is for that reader in a log made of the tail', async () => {
  await using live = newTail();
  live.tail.restart();
  live.append(2);
  live.append(3, 'A');
  live.append(4);
  await live.written(4);
  const { log } = reloaded(live.chunks);
  for (const reader of ['A', 'B', undefined])
    expect(log.cursorAfter(1, reader)?.read(1 << 20)).toEqual(live.log.cursorAfter(1, reader)?.read(1 << 20));
  expect(log.addressedRecords).toBe(1);
});

it('a change goes with the next chunk, once', async () => {
  await using live = newTail();
  live.tail.restart();
  live.append(2);
  await live.written(2);
  live.changes.set('a', 1);
  live.append(3);
  await live.written(3);
  live.append(4);
  await live.written(4);
  expect(reloaded(live.chunks).changes).toEqual([{ a: 1 }]);
});

it('a change whose chunk could not be written goes with the one that can, as it is by then', async () => {
  await using live = newTail();
  live.tail.restart();
  live.append(2);
  await live.written(2);
  live.store.isBroken = true;
  live.changes.set('a', 1);
  live.changes.set('b', 1);
  live.append(3);
  await eventually(() => {
    live.clock.advance(1_000);
    return live.tail.isFailing;
  });
  live.changes.set('a', 2);
  live.store.isBroken = false;
  await live.written(3, 1_000);
  expect(reloaded(live.chunks).changes).toEqual([{ a: 2, b: 1 }]);
});

it('of a flood, the last chunk has the changes', async () => {
  await using live = newTail();
  live.tail.restart();
  live.append(2);
  await live.written(2);
  live.changes.set('a', 1);
  for (let sequence = 3; sequence < 8; sequence++) live.append(sequence, 'A', 400_000);
  await live.written(7);
  expect(live.chunks.length).toBeGreaterThan(2);
  expect(reloaded(live.chunks.slice(0, -1)).changes).toEqual([]);
  const { changes, log } = reloaded(live.chunks);
  expect([changes, log.addressedRecords]).toEqual([[{ a: 1 }], 5]);
});

it('what is hastened is written without waiting for the interval, and so is what comes first after nothing was left to write', async () => {
  await using live = newTail();
  live.tail.restart();
  live.append(2);
  await live.written(2);
  live.append(3);
  live.tail.hasten();
  await live.written(3, 0);
  live.tail.hasten();
  live.append(4);
  await live.written(4, 0);
});

it('notes are read back, and frames without any have none', () => {
  const notes = { addressed: [[7, 'A']] as const, changes: { voice: { 1: null } } };
  const frames = encodeNotes(notes) ?? Buffer.alloc(0);
  expect(readNotes(frames)).toEqual({ notes, bytes: frames.length });
  expect(encodeNotes({ addressed: [] })).toBeUndefined();
  expect(readNotes(Buffer.alloc(0)).bytes).toBe(0);
  expect(readNotes(Buffer.from('\x81\x02{}', 'latin1')).bytes).toBe(0);
});
