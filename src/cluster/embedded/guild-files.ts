/**
 * A shard's guilds on disk, in one numbered file beside its tail. What is written again leaves garbage in it; where that outweighs what
 * lives, everything is copied to a file of its own, and the old one is deleted once the new one is complete: a crash at any point
 * leaves either. Nothing is fsynced: after a power cut what can be read is older, or nothing.
 *
 * One for all who read and write the shard in this process. `revision` grows with all that is written, `generation` with each `begin`.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type GuildCheckpoint, type StoredGuild, StoredGuildsLostError } from '../../guilds/index.ts';
import { Limiter } from '../../runtime/limiter.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { StoredGuildsReplacedError } from '../ports.ts';
import { GuildFile } from './guild-file.ts';
import type { LoadedGuild } from './guild-file-reading.ts';

/** A file is at most so many times as large as what lives in it, and one `put`. While it is copied there are both. */
export const REWRITE_FACTOR = 2;

/** Below it a copy is not worth the trouble. */
export const REWRITE_FROM_BYTES = 1024 * 1024;

const FILE_NAME = /^(\d{10})\.guilds$/;

type OnUnreadable = (path: string, reason: string) => void;

/** As `StoredGuilds`, of the moment it was asked for. */
export interface GuildsOnDisk {
  readonly revision: number;
  readonly checkpoint: GuildCheckpoint;
  readonly guilds: AsyncIterable<readonly LoadedGuild[]>;
}

export class GuildFiles implements AsyncDisposable {
  readonly #directory: string;
  readonly #onUnreadable: OnUnreadable;
  /** Everything here is done one after the other. */
  readonly #turns = new Limiter(1);
  #file: GuildFile | undefined;
  /** Whether what an earlier process left has been looked at. */
  #isListed = false;
  /** Other files, to be deleted with the next write. */
  #leftOver: string[] = [];
  #nextNumber = 1;
  #revision = 0;
  #generation = 0;

  constructor(directory: string, onUnreadable: OnUnreadable) {
    this.#directory = directory;
    this.#onUnreadable = onUnreadable;
  }

  get bytes(): number {
    return this.#file?.bytes ?? 0;
  }

  get revision(): number {
    return this.#revision;
  }

  load(): Promise<GuildsOnDisk | undefined> {
    return this.#turns.run(async () => {
      await this.#list();
      if (!this.#file) return undefined;
      try {
        const checkpoint = this.#file.checkpoint();
        return { revision: this.#revision, checkpoint, guilds: this.#read(this.#generation) };
      } catch (error) {
        this.#onUnreadable(this.#file.path, reasonOf(error));
        return undefined;
      }
    });
  }

  /** `check` throws where the caller may not write any more. The same of the others. */
  begin(checkpoint: GuildCheckpoint, check: () => void): Promise<number> {
    return this.#write(check, async () => {
      const old = this.#file;
      this.#generation++;
      await old?.[Symbol.asyncDispose]();
      try {
        this.#file = await this.#create(checkpoint);
      } catch {
        // Where the disk is full, the room of the old file is what the new one needs.
        this.#file = undefined;
        await this.#remove(old?.path);
        this.#file = await this.#create(checkpoint);
      }
      await this.#remove(old?.path);
    });
  }

  put(guilds: readonly StoredGuild[], check: () => void): Promise<number> {
    return this.#write(check, () => this.#append((file) => file.put(guilds)));
  }

  commit(checkpoint: GuildCheckpoint, check: () => void): Promise<number> {
    return this.#write(check, () => this.#append((file) => file.commit(checkpoint)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.run(async () => this.#file?.[Symbol.asyncDispose]());
  }

  /** Resolves with the revision that it makes. */
  #write(check: () => void, work: () => Promise<void>): Promise<number> {
    return this.#turns.run(async () => {
      await this.#list();
      check();
      await work();
      return ++this.#revision;
    });
  }

  async #create(checkpoint: GuildCheckpoint): Promise<GuildFile> {
    const file = new GuildFile(this.#newPath());
    try {
      await file.commit(checkpoint);
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      this.#leftOver.push(file.path);
      throw error;
    }
  }

  async #append(write: (file: GuildFile) => Promise<void>): Promise<void> {
    try {
      await this.#rewriteIfDue();
      if (!this.#file) throw new StoredGuildsLostError('no guilds are stored');
      await write(this.#file);
    } catch (error) {
      if (error instanceof StoredGuildsLostError) await this.#lookAgain();
      throw error;
    }
    await this.#remove();
  }

  /** What is there is not what was written: nobody goes on from it who has not read it again. */
  async #lookAgain(): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]();
    this.#file = undefined;
    this.#isListed = false;
    this.#generation++;
    this.#revision++;
  }

  /** Before something is added, so that what can not be copied does not grow. */
  async #rewriteIfDue(): Promise<void> {
    const old = this.#file;
    if (!old || old.bytes <= Math.max(REWRITE_FROM_BYTES, REWRITE_FACTOR * old.liveBytes)) return;
    const path = this.#newPath();
    try {
      this.#file = await old.copyTo(path);
    } catch (error) {
      await this.#remove(path);
      throw error;
    }
    await old[Symbol.asyncDispose]();
    await this.#remove(old.path);
  }

  async *#read(generation: number): AsyncGenerator<readonly LoadedGuild[]> {
    const reading = await this.#turns.run(async () => {
      if (this.#generation !== generation) throw replaced();
      return this.#file?.openReading();
    });
    if (!reading) throw replaced();
    await using _ = reading;
    for await (const guilds of reading.batches()) {
      if (this.#generation !== generation) throw replaced();
      yield guilds;
    }
  }

  /** The newest file that has a checkpoint counts: a newer one without was not completed. */
  async #list(): Promise<void> {
    if (this.#isListed) return;
    const names = await readdir(this.#directory).catch(() => []);
    const numbers = names
      .map((name) => Number(FILE_NAME.exec(name)?.[1]))
      .filter((number) => number > 0)
      .sort((a, b) => b - a);
    this.#nextNumber = Math.max(this.#nextNumber, (numbers[0] ?? 0) + 1);
    this.#leftOver = [];
    for (const number of numbers) {
      const path = this.#path(number);
      if (!this.#file) this.#file = await this.#tryToRead(path);
      if (this.#file?.path !== path) this.#leftOver.push(path);
    }
    this.#isListed = true;
  }

  async #tryToRead(path: string): Promise<GuildFile | undefined> {
    try {
      return await GuildFile.read(path);
    } catch (error) {
      this.#onUnreadable(path, reasonOf(error));
      return undefined;
    }
  }

  #path(number: number): string {
    return join(this.#directory, `${String(number).padStart(10, '0')}.guilds`);
  }

  #newPath(): string {
    return this.#path(this.#nextNumber++);
  }

  /** These, and what could not be deleted before. */
  async #remove(...paths: readonly (string | undefined)[]): Promise<void> {
    this.#leftOver.push(...paths.filter((path) => path !== undefined));
    while (this.#leftOver[0] !== undefined) {
      await rm(this.#leftOver[0], { force: true, recursive: true });
      this.#leftOver.shift();
    }
  }
}

function replaced(): StoredGuildsReplacedError {
  return new StoredGuildsReplacedError('the stored guilds of the shard were begun anew while they were read');
}
