/** What one application keeps on disk: `<directory>/<application>/shards-<count>/<shard>/…` and its identify slots. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { GuildFiles } from './guild-files.ts';
import { EmbeddedIdentifySlots } from './identify-slots.ts';
import { IdentifySlotsFile } from './identify-slots-file.ts';
import { TailFiles } from './tail-files.ts';

export interface ApplicationDirectoryOptions {
  /** `tail.directory`. */
  readonly root: string;
  readonly applicationId: string;
  readonly maxTailBytes: number;
  readonly maxTailAgeMs: number;
}

export class ApplicationDirectory {
  readonly #options: ApplicationDirectoryOptions;
  readonly #path: string;

  constructor(options: ApplicationDirectoryOptions) {
    this.#options = options;
    this.#path = join(options.root, options.applicationId);
  }

  tail(shardId: number, shardCount: number): TailFiles {
    const { maxTailBytes: maxBytes, maxTailAgeMs: maxAgeMs } = this.#options;
    return new TailFiles({ directory: this.#shardPath(shardId, shardCount), maxBytes, maxAgeMs });
  }

  /** To be opened once for all who read and write the shard. */
  guilds(
    shardId: number,
    shardCount: number,
    onUnreadable: (path: string, reason: string) => void,
  ): GuildFiles {
    return new GuildFiles(this.#shardPath(shardId, shardCount), onUnreadable);
  }

  /** To be opened once: what is not in the file is in memory. */
  identifySlots(clock: Clock, onError: (error: Error) => void): EmbeddedIdentifySlots {
    return new EmbeddedIdentifySlots({ clock, file: new IdentifySlotsFile(this.#path, onError) });
  }

  /** Deletes tails and guilds of other numbers of shards once they are too old to go on from. `nowMs`: Unix ms. */
  async removeOthers(shardCount: number, nowMs: number): Promise<void> {
    const beforeMs = nowMs - this.#options.maxTailAgeMs;
    for (const [count, path] of await this.#tailsByShardCount()) {
      if (count === shardCount || (await lastWrittenAtMs(path)) >= beforeMs) continue;
      await rm(path, { recursive: true, force: true });
    }
  }

  /** The number of shards whose tails were written last, unless that was before `sinceMs` (Unix ms). */
  async newestShardCount(sinceMs: number): Promise<number | undefined> {
    let newestAtMs = sinceMs;
    let found: number | undefined;
    for (const [shardCount, path] of await this.#tailsByShardCount()) {
      const writtenAtMs = await lastWrittenAtMs(path);
      if (writtenAtMs <= newestAtMs) continue;
      newestAtMs = writtenAtMs;
      found = shardCount;
    }
    return found;
  }

  #shardPath(shardId: number, shardCount: number): string {
    return join(this.#path, `shards-${shardCount}`, String(shardId));
  }

  async #tailsByShardCount(): Promise<[shardCount: number, path: string][]> {
    const names = await readdir(this.#path).catch(() => []);
    return names
      .map((name): [number, string] => [Number(/^shards-(\d+)$/.exec(name)?.[1]), join(this.#path, name)])
      .filter(([shardCount]) => shardCount > 0);
  }
}

/** When a file in `directory`, or below it, was last written; 0 where there is none. Unix ms. */
async function lastWrittenAtMs(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const times = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs),
  );
  return Math.max(0, ...times);
}
