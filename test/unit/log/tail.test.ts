import { expect, it } from 'vitest';
import {
  EventLog,
  LogMemory,
  loadChunk,
  Tail,
  type TailBase,
  type TailChunk,
  TailCompressor,
  type TailStore,
} from '../../../src/log/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const TYPE = 5;
const FLUSH_MS = 100;

function payloadOf(sequence: number, bytes = 300): Buffer {
  return Buffer.from(`{"t":"X","s":${sequence},"op":0,"d":{"pad":"${'x'.repeat(bytes)}"}}`);
}

function newLog(maxBytes = 1 << 30): EventLog {
  return new EventLog({ maxBytes, maxAgeMs: 1e9, memory: new LogMemory(1 << 30) });
}

/** Keeps all in memory; fails while told to. */
class MemoryStore implements TailStore {
  base: TailBase | undefined;
  chunks: TailChunk[] = [];
  begins = 0;
  isBroken = false;

  async begin(base: TailBase): Promise<void> {
    if (this.isBroken) throw new Error('ENOSPC');
    this.begins++;
    this.base = base;
    this.chunks = [];
  }

  async append(chunk: TailChunk): Promise<void> {
    if (this.isBroken) throw new Error('ENOSPC');
    this.chunks.push(chunk);
  }

  get lastSequence(): number {
    return this.chunks.at(-1)?.lastSequence ?? this.base?.sequence ?? 0;
  }
}

function newTail(log = newLog()) {
  const stack = new AsyncDisposableStack();
  const clock = new ManualClock(1_000);
  const store = new MemoryStore();
  const events: string[] = [];
  const compressor = stack.use(new TailCompressor());
  const tail = stack.use(
    new Tail({
      log,
      store,
      clock,
      compressor,
      flushIntervalMs: FLUSH_MS,
      flushBytes: 1 << 30,
      state: () => ({ head: log.head }),
      onFailing: (reason) => events.push(`failing: ${reason}`),
      onRecovered: () => events.push('recovered'),
    }),
  );
  const append = (from: number, to: number, bytes?: number) => {
    for (let sequence = from; sequence <= to; sequence++) {
      log.append(sequence, TYPE, payloadOf(sequence, bytes), clock.now());
      tail.notify();
    }
  };
  /** Moves time until the store has it. */
  const written = (sequence: number) =>
    eventually(() => {
      clock.advance(FLUSH_MS);
      return store.lastSequence === sequence;
    });
  return {
    log,
    clock,
    store,
    tail,
    events,
    append,
    written,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A log made of what the store has, as another process makes it. */
async function reloaded(store: MemoryStore): Promise<{ log: EventLog; sequences: number[] }> {
  const log = newLog();
  log.reset(store.base?.sequence ?? 0);
  const sequences: number[] = [];
  using compressor = new TailCompressor();
  for (const chunk of store.chunks) {
    expect(chunk.afterSequence).toBe(log.head);
    loadChunk(chunk, log, compressor, {
      onRecord: (_, payload) => sequences.push(JSON.parse(payload.toString()).s),
    });
  }
  return { log, sequences };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

it('writes nothing before its time, then all, and a new log has the same', async () => {
  await using live = newTail();
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 500);
  expect(live.store.chunks).toEqual([]);
  await live.written(500);
  const { log, sequences } = await reloaded(live.store);
  expect([log.floor, log.head]).toEqual([1, 500]);
  expect(sequences).toEqual(range(2, 500));
  expect(log.cursorAfter(1)?.read(1 << 30)).toEqual(live.log.cursorAfter(1)?.read(1 << 30));
});

it('moves the checkpoint past sequences without a record', async () => {
  await using live = newTail();
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 3);
  live.log.skip(4);
  live.tail.notify();
  await live.written(4);
  expect((await reloaded(live.store)).log.head).toBe(4);
});

it('forgets the old session with a restart', async () => {
  await using live = newTail();
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 900);
  await live.written(900);
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 5);
  await live.written(5);
  expect((await reloaded(live.store)).sequences).toEqual([2, 3, 4, 5]);
});

it('says once that it fails, and goes on behind what was written when it can', async () => {
  await using live = newTail();
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 10);
  await live.written(10);
  live.store.isBroken = true;
  live.append(11, 20);
  await eventually(() => {
    live.clock.advance(1_000);
    return live.tail.counts.errors >= 4;
  });
  expect(live.events).toEqual(['failing: ENOSPC']);
  expect(live.tail.isFailing).toBe(true);
  expect(live.tail.trailingMs()).toBeGreaterThanOrEqual(2_000);
  live.append(21, 30);
  live.store.isBroken = false;
  await eventually(() => {
    live.clock.advance(10_000);
    return live.store.lastSequence === 30;
  });
  await eventually(() => !live.tail.isFailing);
  expect(live.tail.trailingMs()).toBe(0);
  expect(live.events).toEqual(['failing: ENOSPC', 'recovered']);
  expect((await reloaded(live.store)).sequences).toEqual(range(2, 30));
  expect(live.store.begins).toBe(1);
});

it('starts over where the log no longer has what comes next', async () => {
  await using live = newTail(newLog(256 * 1024));
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 10);
  await live.written(10);
  live.store.isBroken = true;
  live.append(11, 3_000);
  await eventually(() => {
    live.clock.advance(1_000);
    return live.tail.isFailing;
  });
  expect(live.log.floor).toBeGreaterThan(10);
  live.store.isBroken = false;
  await eventually(() => {
    live.clock.advance(10_000);
    return live.store.lastSequence === 3_000;
  });
  const { log, sequences } = await reloaded(live.store);
  expect(sequences).toEqual(range(log.floor + 1, 3_000));
  expect(live.tail.counts.skips).toBeGreaterThan(0);
});

it('writes what is left when it is disposed of', async () => {
  const live = newTail();
  live.log.reset(1);
  live.tail.restart();
  live.append(2, 50);
  await live[Symbol.asyncDispose]();
  expect((await reloaded(live.store)).sequences).toEqual(range(2, 50));
  expect(live.clock.pendingTimers).toBe(0);
});

it('whatever happens, the store always holds a run without a hole that ends at its checkpoint', async () => {
  const random = new Random(21);
  await using live = newTail(newLog(2 * 1024 * 1024));
  let sequence = 1;
  live.log.reset(1);
  live.tail.restart();
  for (let step = 0; step < 400; step++) {
    const choice = random.below(40);
    if (choice === 0) {
      sequence = 1 + random.below(50);
      live.log.reset(sequence);
      live.tail.restart();
    } else if (choice < 4) live.log.skip(++sequence);
    else if (choice < 6) live.store.isBroken = !live.store.isBroken;
    else {
      const count = random.below(random.below(20) === 0 ? 2_000 : 30);
      live.append(sequence + 1, sequence + count, random.below(2_000));
      sequence += count;
    }
    live.clock.advance(random.below(400));
    await new Promise((resolve) => setImmediate(resolve));
    if (step % 20 === 0 && live.store.base) {
      const { log, sequences } = await reloaded(live.store);
      expect(log.head).toBe(live.store.lastSequence);
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    }
  }
  live.store.isBroken = false;
  live.append(++sequence, sequence);
  await eventually(() => {
    live.clock.advance(10_000);
    return live.store.lastSequence === sequence;
  });
});
