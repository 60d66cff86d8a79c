/** Guilds that are read from files, and written to them while the lease is their writer's. */
import {
  type GuildCheckpoint,
  type GuildStore,
  type StoredGuild,
  type StoredGuilds,
  StoredGuildsLostError,
} from '../../guilds/index.ts';
import { LeaseLostError } from '../ports.ts';
import type { LoadedGuild } from './guild-file-reading.ts';
import type { GuildFiles } from './guild-files.ts';

/** `onRead`: everything was read, and nothing was written meanwhile; the revision that was read. */
export async function loadGuilds(
  files: GuildFiles,
  onRead: (revision: number) => void,
): Promise<StoredGuilds | undefined> {
  const stored = await files.load();
  if (!stored) return undefined;
  const { revision } = stored;
  async function* toTheEnd(guilds: AsyncIterable<readonly LoadedGuild[]>) {
    yield* guilds;
    if (files.revision === revision) onRead(revision);
  }
  return { checkpoint: stored.checkpoint, guilds: toTheEnd(stored.guilds) };
}

export interface EmbeddedGuildsOptions {
  readonly files: GuildFiles;
  readonly shardId: number;
  /** By shard: what its member has read to the end, or written, last. */
  readonly revisions: Map<number, number>;
  readonly isHeld: () => boolean;
  readonly onClosed: () => void;
}

type Stored =
  /** Nothing was written yet: what the member knows counts, which may still be reading. */
  | { readonly kind: 'untouched' }
  | { readonly kind: 'known'; readonly revision: number }
  /** Only to begin makes sense. */
  | { readonly kind: 'lost' };

export class EmbeddedGuilds implements GuildStore {
  readonly #options: EmbeddedGuildsOptions;
  #stored: Stored = { kind: 'untouched' };

  constructor(options: EmbeddedGuildsOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#options.files.bytes;
  }

  begin(checkpoint: GuildCheckpoint): Promise<void> {
    return this.#write((files) => files.begin(checkpoint, () => this.#checkLease()));
  }

  put(guilds: readonly StoredGuild[]): Promise<void> {
    return this.#write((files) => files.put(guilds, () => this.#check()));
  }

  commit(checkpoint: GuildCheckpoint): Promise<void> {
    return this.#write((files) => files.commit(checkpoint, () => this.#check()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.onClosed();
    await this.#options.files[Symbol.asyncDispose]();
  }

  async #write(write: (files: GuildFiles) => Promise<number>): Promise<void> {
    const { files, shardId, revisions } = this.#options;
    try {
      const revision = await write(files);
      this.#stored = { kind: 'known', revision };
      revisions.set(shardId, revision);
    } catch (error) {
      if (error instanceof StoredGuildsLostError) {
        this.#stored = { kind: 'lost' };
        revisions.delete(shardId);
      }
      throw error;
    }
  }

  #check(): void {
    this.#checkLease();
    const { files, shardId, revisions } = this.#options;
    if (this.#stored.kind === 'untouched') {
      const revision = revisions.get(shardId);
      this.#stored = revision === undefined ? { kind: 'lost' } : { kind: 'known', revision };
    }
    if (this.#stored.kind === 'known' && this.#stored.revision === files.revision) return;
    throw new StoredGuildsLostError(
      `what is stored of the guilds of shard ${shardId} is not what was read or written here`,
    );
  }

  #checkLease(): void {
    const { isHeld, shardId } = this.#options;
    if (!isHeld()) throw new LeaseLostError(`the lease of shard ${shardId} has passed on`);
  }
}
