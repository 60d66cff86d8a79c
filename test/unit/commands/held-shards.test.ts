import { describe, expect, it } from 'vitest';
import {
  type Membership,
  type OpenTail,
  type StoredTail,
  StoreUnreachableError,
} from '../../../src/cluster/index.ts';
import { HeldShard } from '../../../src/commands/gateway/held-shard.ts';
import { HeldShards } from '../../../src/commands/gateway/held-shards.ts';
import { EventLog, LogMemory, TailCompressor } from '../../../src/log/index.ts';
import type { UpstreamShard } from '../../../src/upstream/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { WITHOUT_GUILDS } from './guild-states.ts';

const IDENTITY = { nodeId: 'a', incarnation: '1' };
const SESSION = { sessionId: 'upstream-1', resumeUrl: 'ws://127.0.0.1/resume' };
const STATE = { session: SESSION, ready: { user: { id: '1' } }, guildIds: [] };
const HEAD = 7;

/** Shards of a node whose store, upstream connections and HAProxies are only noted. */
class Shards {
  readonly clock = new ManualClock();
  readonly memory = new LogMemory(1 << 20);
  /** `load 0`, `connect 0`, `close 0`, `tail 0 of epoch 2`, … */
  readonly calls: string[] = [];
  /** How many of the next reads of tails fail. */
  failingLoads = 0;
  /** What is stored can't be understood. */
  isGarbled = false;
  readonly shards: HeldShards;

  constructor() {
    this.shards = new HeldShards({
      membership: this.#membership(),
      clock: this.clock,
      log: { info: () => undefined, warn: () => undefined, debug: () => undefined },
      createShard: (shardId) => this.#createShard(shardId),
      createUpstream: ({ shardId }) => this.#upstream(shardId),
      keepsTails: true,
      routes: { own: async () => undefined, leave: () => undefined, forget: () => undefined },
      sendWorkersAway: (shardId) => this.calls.push(`send away ${shardId}`),
      onChanged: () => undefined,
    });
  }

  take(epoch: number): Promise<void> {
    return this.shards.take({ shardId: 0, epoch, holder: IDENTITY });
  }

  #createShard(shardId: number): HeldShard {
    const log = new EventLog({ maxBytes: 1 << 20, maxAgeMs: 60_000, memory: this.memory });
    return new HeldShard({
      shardId,
      shardCount: 1,
      log,
      tailFlush: { intervalMs: 100, bytes: 1_000 },
      tailCompressor: new TailCompressor(),
      clock: this.clock,
      logger: { info: () => undefined, warn: () => undefined, debug: () => undefined },
      voiceMode: 'owner',
      guildState: WITHOUT_GUILDS,
      loadGuilds: async () => undefined,
      onServingChanged: () => undefined,
    });
  }

  #upstream(shardId: number): UpstreamShard {
    const { calls } = this;
    const upstream = {
      start: () => calls.push(`connect ${shardId}`),
      identified: async () => undefined,
      [Symbol.asyncDispose]: async () => void calls.push(`close ${shardId}`),
    };
    // No more of it is used here.
    return upstream as unknown as UpstreamShard;
  }

  #membership(): Membership {
    const { calls } = this;
    const membership: Pick<Membership, 'identity' | 'loadTail' | 'openTail'> = {
      identity: IDENTITY,
      loadTail: async (shardId, after) => this.#load(shardId, after !== undefined),
      openTail: (shardId, epoch): OpenTail => {
        calls.push(`tail ${shardId} of epoch ${epoch}`);
        const done = async () => undefined;
        return { bytes: 0, begin: done, append: done, [Symbol.asyncDispose]: done };
      },
    };
    // No more of it is used here.
    return membership as Membership;
  }

  #load(shardId: number, isContinuation: boolean): StoredTail {
    this.calls.push(isContinuation ? `load the rest of ${shardId}` : `load ${shardId}`);
    if (this.isGarbled) throw new SyntaxError('no JSON');
    if (this.failingLoads-- > 0) throw new StoreUnreachableError('no answer');
    return {
      position: { generation: '1', sequence: HEAD },
      isContinuation,
      parts: [{ base: { sequence: HEAD, state: STATE }, chunks: [] }],
    };
  }
}

describe('a shard that was prepared', () => {
  it('has only the rest of its tail to read when it is passed', async () => {
    const node = new Shards();
    await node.shards.prepare(0);
    await node.take(2);
    expect(node.calls).toEqual(['load 0', 'load the rest of 0', 'tail 0 of epoch 2', 'connect 0']);
    expect(node.shards.here.get(0)?.session).toEqual(SESSION);
  });

  it('is forgotten when it is never passed, and read anew when it is after all', async () => {
    const node = new Shards();
    await node.shards.prepare(0);
    expect(node.shards.isExpected(0)).toBe(true);
    node.clock.advance(10_000);
    expect(node.shards.isExpected(0)).toBe(false);
    expect(node.clock.pendingTimers).toBe(0);
    await node.take(2);
    expect(node.calls).toEqual(['load 0', 'load 0', 'tail 0 of epoch 2', 'connect 0']);
  });

  it('is read anew when it could not be read ahead', async () => {
    const node = new Shards();
    node.failingLoads = 1;
    await node.shards.prepare(0);
    await node.take(2);
    expect(node.calls).toEqual(['load 0', 'load 0', 'tail 0 of epoch 2', 'connect 0']);
  });
});

describe('a shard that was taken', () => {
  it('connects when its tail can be read at last', async () => {
    const node = new Shards();
    node.failingLoads = 2;
    const taken = node.take(1);
    await eventually(() => node.clock.pendingTimers === 1);
    node.clock.advance(250);
    await eventually(() => node.clock.pendingTimers === 1);
    expect(node.calls).not.toContain('connect 0');
    node.clock.advance(250);
    await taken;
    expect(node.calls.filter((call) => call === 'connect 0')).toHaveLength(1);
  });

  it('is left alone when it is lost before its tail could be read', async () => {
    const node = new Shards();
    node.failingLoads = 1;
    const taken = node.take(1);
    await eventually(() => node.clock.pendingTimers === 1);
    node.shards.drop(0, 'another node has it');
    node.clock.advance(250);
    await taken;
    expect(node.calls).not.toContain('connect 0');
    expect(node.shards.here.size).toBe(0);
  });

  it('starts afresh when what is stored of it can not be understood, which is told', async () => {
    const node = new Shards();
    node.isGarbled = true;
    await node.take(1);
    expect(node.calls).toEqual(['load 0', 'tail 0 of epoch 1', 'connect 0']);
    expect(node.shards.here.get(0)?.session).toBeUndefined();
  });

  it('takes no memory for tails that could not be read', async () => {
    const node = new Shards();
    node.failingLoads = 3;
    const taken = node.take(1);
    for (let attempt = 0; attempt < 3; attempt++) {
      await eventually(() => node.clock.pendingTimers === 1);
      node.clock.advance(250);
    }
    await taken;
    node.shards.drop(0, 'it is over');
    await node.shards.close();
    expect(node.memory.logs).toBe(0);
  });

  it('is connected once when it is lost and comes back while its tail is read', async () => {
    const node = new Shards();
    const first = node.take(1);
    node.shards.drop(0, 'a mistake');
    const second = node.take(1);
    await Promise.all([first, second]);
    expect(node.calls.filter((call) => call === 'connect 0')).toHaveLength(1);
  });

  it('keeps its connection when its lease gets another epoch', async () => {
    const node = new Shards();
    await node.take(1);
    await node.take(2);
    expect(node.calls).toEqual(['load 0', 'tail 0 of epoch 1', 'connect 0', 'tail 0 of epoch 2']);
  });

  it('is connected again when it stays after all', async () => {
    const node = new Shards();
    await node.take(1);
    expect(await node.shards.suspend(0)).toBe(true);
    node.shards.resume(0);
    expect(node.calls.slice(2)).toEqual(['connect 0', 'close 0', 'tail 0 of epoch 1', 'connect 0']);
  });
});
