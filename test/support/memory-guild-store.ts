/** Keeps the guilds of a shard in memory, as the port says; fails and waits when it is told to. */
import {
  type GuildCheckpoint,
  type GuildStore,
  type StoredGuild,
  type StoredGuilds,
  StoredGuildsLostError,
} from '../../src/guilds/index.ts';

type Kept = StoredGuild & { readonly body: Buffer };

export class MemoryGuildStore implements GuildStore {
  checkpoint: GuildCheckpoint | undefined;
  readonly guilds = new Map<string, Kept>();
  /** `begin 1`, `put 3 guilds`, `commit 70` */
  readonly calls: string[] = [];
  /** What the next call rejects with. */
  failure: Error | undefined;
  /** Called first by each call. */
  before: (() => Promise<void> | void) | undefined;
  isOpen = true;

  get bytes(): number {
    let bytes = 0;
    for (const { body, pending } of this.guilds.values()) bytes += body.length + pending.length;
    return bytes;
  }

  async begin(checkpoint: GuildCheckpoint): Promise<void> {
    await this.#called(`begin ${checkpoint.sequence}`);
    this.guilds.clear();
    this.checkpoint = checkpoint;
  }

  async put(guilds: readonly StoredGuild[]): Promise<void> {
    await this.#called(`put ${guilds.length} guilds`);
    const all = guilds.map(({ body, ...rest }) => ({ ...rest, body: body ?? this.#bodyOf(rest.guildId) }));
    for (const guild of all) this.guilds.set(guild.guildId, guild);
  }

  async commit(checkpoint: GuildCheckpoint): Promise<void> {
    await this.#called(`commit ${checkpoint.sequence}`);
    if (!this.checkpoint) throw new StoredGuildsLostError('there is no checkpoint');
    this.checkpoint = checkpoint;
    const named = new Set(checkpoint.guildIds);
    for (const { guildId, sequence } of this.guilds.values())
      if (!named.has(guildId) && sequence <= checkpoint.sequence) this.guilds.delete(guildId);
  }

  /** What a loader gets. */
  load(batchSize = 2): StoredGuilds | undefined {
    if (!this.checkpoint) return undefined;
    const all = [...this.guilds.values()];
    async function* batches(): AsyncGenerator<readonly Kept[]> {
      for (let at = 0; at < all.length; at += batchSize) yield all.slice(at, at + batchSize);
    }
    return { checkpoint: this.checkpoint, guilds: batches() };
  }

  /** Everything is gone. */
  lose(): void {
    this.guilds.clear();
    this.checkpoint = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOpen = false;
  }

  #bodyOf(guildId: string): Buffer {
    const kept = this.guilds.get(guildId);
    if (!kept) throw new StoredGuildsLostError(`there is no body of ${guildId}`);
    return kept.body;
  }

  async #called(call: string): Promise<void> {
    this.calls.push(call);
    await this.before?.();
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
  }
}
