/** What only the embedded store does; what every store does is in test/contract/cluster. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ApplicationDirectory,
  EmbeddedStore,
  LeaseLostError,
  type MemberState,
  type Membership,
  type NodeIdentity,
} from '../../../src/cluster/index.ts';
import type { TailChunk } from '../../../src/log/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type StateDirectory, stateDirectory } from '../../support/node.ts';

const APPLICATION_ID = '100000000000000000';
const LEASE_TTL_MS = 5_000;
const STATE: MemberState = {
  address: '127.0.0.1:1',
  weight: 1,
  isDraining: false,
  reach: 'unknown',
  isSteady: false,
};
const DEPLOYMENT = { shardCount: 2, fingerprints: { 'discord.intents': 'a' } };

let root: StateDirectory;
let clock: ManualClock;

beforeEach(() => {
  root = stateDirectory();
  // Of now: files have the machine's times.
  clock = new ManualClock(Date.now());
});

afterEach(() => root[Symbol.dispose]());

function openStore(isKept = true): EmbeddedStore {
  const directory = new ApplicationDirectory({
    root: root.path,
    applicationId: APPLICATION_ID,
    maxTailBytes: 1 << 20,
    maxTailAgeMs: 60_000,
  });
  return new EmbeddedStore({
    clock,
    leaseTtlMs: LEASE_TTL_MS,
    directory: isKept ? directory : undefined,
    maxSessionAgeMs: 30_000,
    onUnreadable: (path, reason) => expect.unreachable(`${path}: ${reason}`),
    onSlotsError: (error) => expect.unreachable(error.message),
  });
}

let incarnations = 0;

function nodeOf(nodeId = 'a'): NodeIdentity {
  return { nodeId, incarnation: String(incarnations++) };
}

async function join(store: EmbeddedStore, identity = nodeOf(), shardCount = 2): Promise<Membership> {
  const result = await store.join(identity, STATE, { ...DEPLOYMENT, shardCount });
  if (result.kind !== 'joined') throw new Error(result.kind);
  return result.membership;
}

function chunkAfter(afterSequence: number): TailChunk {
  return {
    afterSequence,
    lastSequence: afterSequence + 10,
    writtenAtMs: clock.now(),
    compressed: Buffer.from('c'),
  };
}

function baseAt(sequence: number) {
  return { sequence, state: { at: sequence } };
}

/** A process that holds shard 0, writes a base at 1 and a chunk up to 11, and is killed. */
async function earlierProcess(shardCount = 2): Promise<void> {
  const store = openStore();
  const membership = await join(store, nodeOf(), shardCount);
  const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
  const tail = membership.openTail(0, lease?.epoch ?? 0);
  await tail.begin(baseAt(1));
  await tail.append(chunkAfter(1), () => baseAt(1));
}

describe('an earlier process', () => {
  it('leaves its tails, and its shards are free at once', async () => {
    await earlierProcess();
    await using store = openStore();
    const membership = await join(store);
    expect(await membership.acquire([0, 1], { mayTakeLapsed: true })).toHaveLength(2);
    const { parts, position, isContinuation } = await membership.loadTail(0);
    expect(parts.map(({ base }) => base)).toEqual([baseAt(1)]);
    expect(parts[0]?.chunks.map(({ lastSequence }) => lastSequence)).toEqual([11]);
    expect([position.sequence, isContinuation]).toEqual([11, false]);
  });

  it('leaves the number of shards, as long as their sessions may live', async () => {
    await earlierProcess(7);
    expect(await openStore().readDeployment()).toEqual({ shardCount: 7, fingerprints: {} });
    clock.advance(40_000);
    expect(await openStore().readDeployment()).toBeUndefined();
  });

  it('with another number of shards leaves nothing once its tails are too old', async () => {
    await earlierProcess(7);
    const of7 = path.join(root.path, APPLICATION_ID, 'shards-7');
    await join(openStore());
    expect(existsSync(of7)).toBe(true);
    clock.advance(70_000);
    await join(openStore());
    expect(existsSync(of7)).toBe(false);
  });
});

describe('a tail', () => {
  it('goes on behind what an earlier process wrote, in the same generation, read or not', async () => {
    await earlierProcess();
    await using store = openStore();
    const membership = await join(store);
    const before = await membership.loadTail(0);
    const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
    await using tail = membership.openTail(0, lease?.epoch ?? 0);
    await tail.append(chunkAfter(11), () => baseAt(11));
    const after = await membership.loadTail(0);
    expect(after.parts.map(({ base }) => base)).toEqual([baseAt(1), baseAt(11)]);
    expect(after.position).toEqual({ generation: before.position.generation, sequence: 21 });
    expect(tail.bytes).toBeGreaterThan(100);
  });

  it('that begins anew has another generation, and nothing of the old one', async () => {
    await earlierProcess();
    await using store = openStore();
    const membership = await join(store);
    const before = await membership.loadTail(0);
    const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
    await using tail = membership.openTail(0, lease?.epoch ?? 0);
    await tail.begin(baseAt(50));
    const after = await membership.loadTail(0);
    expect(after.parts).toEqual([{ base: baseAt(50), chunks: [] }]);
    expect(after.position.sequence).toBe(50);
    expect(after.position.generation).not.toBe(before.position.generation);
  });

  it('asks for the base of a new file before anything else can happen', async () => {
    await earlierProcess();
    await using store = openStore();
    const membership = await join(store);
    const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
    await using tail = membership.openTail(0, lease?.epoch ?? 0);
    let asked = false;
    const appended = tail.append(chunkAfter(11), () => {
      asked = true;
      return baseAt(11);
    });
    expect(asked).toBe(true);
    await appended;
  });

  it('is not written once its lease was passed on, and the next holder goes on', async () => {
    await using store = openStore();
    const [a, b] = [await join(store, nodeOf('a')), await join(store, nodeOf('b'))];
    const [lease] = await a.acquire([0], { mayTakeLapsed: true });
    await using old = a.openTail(0, lease?.epoch ?? 0);
    await old.begin(baseAt(1));
    const passed = await a.pass(0, lease?.epoch ?? 0, b.identity);
    await expect(old.append(chunkAfter(1), () => baseAt(1))).rejects.toThrow(LeaseLostError);
    await using next = b.openTail(0, passed?.epoch ?? 0);
    await next.append(chunkAfter(1), () => baseAt(1));
    expect((await b.loadTail(0)).position.sequence).toBe(11);
  });
});

describe('guilds', () => {
  const checkpoint = { epoch: 'e', sequence: 1, guildIds: ['1'], ownUser: undefined };
  const guild = { guildId: '1', sequence: 1, body: Buffer.from('body'), pending: Buffer.from('pending') };

  async function guildsIn(membership: Membership) {
    const guilds = [];
    for await (const batch of (await membership.loadGuilds(0))?.guilds ?? []) guilds.push(...batch);
    return guilds;
  }

  it('are there for the next process, which goes on from them once it has read them', async () => {
    {
      const membership = await join(openStore());
      const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
      const guilds = membership.openGuilds(0, lease?.epoch ?? 0);
      await guilds.begin(checkpoint);
      await guilds.put([guild]);
    }
    await using store = openStore();
    const membership = await join(store);
    const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
    expect(await guildsIn(membership)).toEqual([guild]);
    await using guilds = membership.openGuilds(0, lease?.epoch ?? 0);
    await guilds.put([{ ...guild, sequence: 2, body: undefined }]);
    await guilds.commit({ ...checkpoint, sequence: 2 });
    expect(await guildsIn(membership)).toEqual([{ ...guild, sequence: 2 }]);
  });

  it('lie beside the tail, and neither is in the way of the other', async () => {
    await earlierProcess();
    await using store = openStore();
    const membership = await join(store);
    const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
    await using guilds = membership.openGuilds(0, lease?.epoch ?? 0);
    await guilds.begin(checkpoint);
    await using tail = membership.openTail(0, lease?.epoch ?? 0);
    await tail.append(chunkAfter(11), () => baseAt(11));
    await tail.begin(baseAt(30));
    expect((await membership.loadGuilds(0))?.checkpoint).toEqual(checkpoint);
    await guilds.begin(checkpoint);
    expect((await membership.loadTail(0)).position.sequence).toBe(30);
  });

  it('are written nowhere where nothing is kept', async () => {
    await using store = openStore(false);
    const membership = await join(store);
    await using guilds = membership.openGuilds(0, 1);
    await guilds.put([{ ...guild, body: undefined }]);
    await guilds.begin(checkpoint);
    await guilds.put([guild]);
    await guilds.commit(checkpoint);
    expect(await membership.loadGuilds(0)).toBeUndefined();
    expect([guilds.bytes, readdirSync(root.path)]).toEqual([0, []]);
  });
});

describe('where nothing is kept', () => {
  it('tails are written nowhere', async () => {
    await using store = openStore(false);
    const membership = await join(store);
    const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
    await using tail = membership.openTail(0, lease?.epoch ?? 0);
    await tail.begin(baseAt(1));
    await tail.append(chunkAfter(1), () => baseAt(1));
    expect((await membership.loadTail(0)).parts).toEqual([]);
    expect([tail.bytes, readdirSync(root.path)]).toEqual([0, []]);
  });

  it('nothing is known of an earlier process: every bucket counts as used when this one started', async () => {
    await using store = openStore(false);
    expect(await store.readDeployment()).toBeUndefined();
    expect(await store.slots.reserve(0)).toEqual({ waitMs: 5_070 });
  });
});
