/** What the contract of stored guilds is told with: guilds at random, writers, and a model of what should be stored. */
import { randomBytes } from 'node:crypto';
import type { GuildCheckpoint, GuildStore, StoredGuild, StoredGuilds } from '../../../src/guilds/index.ts';
import type { Random } from '../../../src/simulator/random.ts';
import { type ClusterEnvironment, newNode, type TestNode } from './cluster-environment.ts';

export const KIB = 1024;

export function checkpointAt(sequence: number, guildIds: readonly string[] = []): GuildCheckpoint {
  return { epoch: 'epoch', sequence, guildIds, ownUser: { id: '1', username: 'bot', flags: null } };
}

export function guildAt(
  guildId: string,
  sequence: number,
  bytes = 100,
): StoredGuild & { readonly body: Buffer } {
  return { guildId, sequence, body: randomBytes(bytes), pending: randomBytes(bytes / 4) };
}

/** `undefined` where nothing is stored. */
export async function loadAll(node: TestNode, shardId = 0) {
  const stored = await node.membership.loadGuilds(shardId);
  return stored && { checkpoint: stored.checkpoint, guilds: await guildsOf(stored) };
}

export async function guildsOf(stored: StoredGuilds): Promise<StoredGuild[]> {
  const guilds: StoredGuild[] = [];
  for await (const batch of stored.guilds) guilds.push(...batch);
  return guilds.sort((one, other) => Number(one.guildId) - Number(other.guildId));
}

export function bytesOf(guilds: readonly StoredGuild[]): number {
  return guilds.reduce((sum, { body, pending }) => sum + (body?.length ?? 0) + pending.length, 0);
}

export function openGuilds(node: TestNode, shardId = 0): GuildStore {
  return node.membership.openGuilds(shardId, node.epochOf(shardId));
}

/** What should be stored. */
export class Model {
  checkpoint = checkpointAt(0);
  readonly guilds = new Map<string, StoredGuild>();

  begin(checkpoint: GuildCheckpoint): void {
    this.guilds.clear();
    this.checkpoint = checkpoint;
  }

  put(guilds: readonly StoredGuild[]): void {
    for (const guild of guilds) {
      const body = guild.body ?? this.guilds.get(guild.guildId)?.body;
      this.guilds.set(guild.guildId, { ...guild, body });
    }
  }

  commit(checkpoint: GuildCheckpoint): void {
    this.checkpoint = checkpoint;
    for (const { guildId, sequence } of [...this.guilds.values()]) {
      if (sequence <= checkpoint.sequence && !checkpoint.guildIds.includes(guildId))
        this.guilds.delete(guildId);
    }
  }

  get content() {
    const guilds = [...this.guilds.values()].sort(
      (one, other) => Number(one.guildId) - Number(other.guildId),
    );
    return { checkpoint: this.checkpoint, guilds };
  }

  /** Some guilds, some of them without their bodies where those are known. */
  change(random: Random, sequence: number): StoredGuild[] {
    const ids = new Set(Array.from({ length: 1 + random.below(5) }, () => String(random.below(12))));
    return [...ids].map((guildId) => {
      const guild = guildAt(guildId, sequence + random.below(5), 4 * random.below(20));
      return this.guilds.has(guildId) && random.below(2) === 0 ? { ...guild, body: undefined } : guild;
    });
  }
}

/** A node that holds shard 0, and what it writes to; begun. */
export async function newWriter(environment: ClusterEnvironment, guilds: readonly StoredGuild[] = []) {
  const node = await newNode(environment, 'node-a');
  await node.acquire([0, 1]);
  const store = openGuilds(node);
  const ids = guilds.map(({ guildId }) => guildId);
  await store.begin(checkpointAt(10, ids));
  if (guilds.length > 0) await store.put(guilds);
  return { node, store };
}

export async function passToB(environment: ClusterEnvironment, a: TestNode): Promise<TestNode> {
  const b = await newNode(environment, 'node-b');
  b.held.set(0, (await a.pass(0, b))?.epoch ?? 0);
  return b;
}
