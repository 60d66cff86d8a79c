/**
 * Writes a shard's guilds to Redis, under a lease. A write is one script call, and says which write it goes on from: where Redis has
 * another (it was emptied, or a replica took over that lacks the last ones), nothing is written and all begins anew.
 */
import {
  type GuildCheckpoint,
  type GuildStore,
  type StoredGuild,
  StoredGuildsLostError,
} from '../../guilds/index.ts';
import { encodeCheckpoint } from '../guild-checkpoint.ts';
import { LeaseLostError, type NodeIdentity } from '../ports.ts';
import type { RedisConnections } from './connections.ts';
import { GuildSizes, type GuildsPosition, type KnownGuilds } from './guilds-position.ts';
import { CHECKPOINT_KEEP_MS } from './keys.ts';

const NO_BODY = Buffer.alloc(0);

export interface RedisGuildsContext {
  readonly connections: RedisConnections;
  readonly identity: NodeIdentity;
  readonly shardId: number;
  readonly epoch: number;
  readonly keys: readonly [leases: string, guilds: string];
  readonly position: GuildsPosition;
}

type Argument = string | number | Buffer;

/** As the headers of the scripts say. */
type Reply = readonly ['ok', ...forgotten: string[]] | readonly ['lost' | 'unknown' | 'torn'];

type Stored =
  /** Nothing was written yet: what the member knows counts, which may still be reading. */
  | { readonly kind: 'untouched' }
  | { readonly kind: 'known'; readonly known: KnownGuilds }
  /** Only to begin makes sense. */
  | { readonly kind: 'lost' };

export class RedisGuilds implements GuildStore {
  readonly #context: RedisGuildsContext;
  #stored: Stored = { kind: 'untouched' };

  constructor(context: RedisGuildsContext) {
    this.#context = context;
  }

  get bytes(): number {
    return this.#known?.sizes.bytes ?? 0;
  }

  get #known(): KnownGuilds | undefined {
    if (this.#stored.kind === 'untouched') return this.#context.position.known;
    return this.#stored.kind === 'known' ? this.#stored.known : undefined;
  }

  async begin(checkpoint: GuildCheckpoint): Promise<void> {
    const number = this.#context.position.count();
    await this.#run('begin-guilds', number, [encodeCheckpoint(checkpoint)]);
    this.#stored = { kind: 'known', known: this.#context.position.afterWrite(number, new GuildSizes()) };
  }

  async put(guilds: readonly StoredGuild[]): Promise<void> {
    const known = this.#knownOrLost();
    // Also where the call fails: it may have come through.
    for (const guild of guilds) known.sizes.put(guild);
    await this.#goOn('put-guilds', known, guilds.flatMap(putArguments));
  }

  async commit(checkpoint: GuildCheckpoint): Promise<void> {
    const known = this.#knownOrLost();
    const [, ...forgotten] = await this.#goOn('commit-guilds', known, [
      encodeCheckpoint(checkpoint),
      checkpoint.sequence,
      ...known.sizes.without(checkpoint.guildIds),
    ]);
    for (const guildId of forgotten) known.sizes.delete(guildId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open.
  }

  #knownOrLost(): KnownGuilds {
    const known = this.#known;
    this.#stored = known ? { kind: 'known', known } : { kind: 'lost' };
    if (known) return known;
    throw this.#lost();
  }

  #lost(): StoredGuildsLostError {
    const { shardId } = this.#context;
    return new StoredGuildsLostError(
      `what Redis has of the guilds of shard ${shardId} is not what was read or written here; they begin anew`,
    );
  }

  async #goOn(name: 'put-guilds' | 'commit-guilds', known: KnownGuilds, args: readonly Argument[]) {
    const { position } = this.#context;
    const number = position.count();
    const reply = await this.#run(name, number, [known.revision, known.since, ...args]);
    this.#stored = { kind: 'known', known: position.afterWrite(number, known.sizes) };
    return reply;
  }

  async #run(
    name: 'begin-guilds' | 'put-guilds' | 'commit-guilds',
    number: number,
    args: readonly Argument[],
  ): Promise<Extract<Reply, readonly ['ok', ...string[]]>> {
    const { connections, identity, shardId, epoch, keys, position } = this.#context;
    const fence = [identity.nodeId, identity.incarnation, shardId, epoch];
    const write = [position.writer, number, CHECKPOINT_KEEP_MS];
    // The script's header says so.
    const reply = (await connections.run(name, keys, [...fence, ...write, ...args])) as Reply;
    if (reply[0] === 'ok') return reply;
    if (reply[0] === 'lost') {
      throw new LeaseLostError(`the lease of shard ${shardId} with epoch ${epoch} is another's by now`);
    }
    if (reply[0] === 'unknown') {
      throw new Error(`Redis has lost the lease of shard ${shardId}; the next renewal brings it back`);
    }
    this.#stored = { kind: 'lost' };
    position.known = undefined;
    throw this.#lost();
  }
}

function putArguments({ guildId, sequence, body, pending }: StoredGuild): Argument[] {
  const record = Buffer.concat([Buffer.from(`${sequence} `), pending]);
  return [guildId, body ? '1' : '0', record, body ?? NO_BODY];
}
