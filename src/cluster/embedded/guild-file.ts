/**
 * One file of a shard's stored guilds, appended to: of each guild the newest that is in it counts. What can be read from its beginning
 * on is the state of some moment, whatever a crash tore off behind it. It is worth something once there is a checkpoint in it.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type GuildCheckpoint, type StoredGuild, StoredGuildsLostError } from '../../guilds/index.ts';
import { decodeCheckpoint } from '../guild-checkpoint.ts';
import { GuildFileReading } from './guild-file-reading.ts';
import { GuildIndex } from './guild-index.ts';
import {
  decodeCheckpointRecord,
  decodeGuilds,
  encodeCheckpointRecord,
  encodeGuilds,
  GuildRecordKind,
} from './guild-record.ts';
import { readRecords } from './piece-reader.ts';
import { type RawRecord, RECORD_HEADER_BYTES, viewRecord } from './record.ts';

/** What a bot is told is nobody else's business on this machine. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

export class GuildFile implements AsyncDisposable {
  readonly path: string;
  readonly #index = new GuildIndex();
  /** Up to here it can be read. */
  #bytes = 0;
  #checkpointBytes = 0;
  #checkpoint: Buffer | undefined;
  #handle: FileHandle | undefined;

  /** Of an empty file, or one that is not there yet. */
  constructor(path: string) {
    this.path = path;
  }

  /** `undefined`: there is no checkpoint in it. */
  static async read(path: string): Promise<GuildFile | undefined> {
    await using handle = await open(path, 'r');
    const file = new GuildFile(path);
    const { size } = await handle.stat();
    for await (const record of readRecords(handle, size)) {
      if (!file.#take(record, record.bodyAt)) break;
      file.#bytes = record.end;
    }
    return file.#checkpoint ? file : undefined;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What a file would take that has everything once. */
  get liveBytes(): number {
    return this.#index.liveBytes + this.#checkpointBytes;
  }

  /** Of the last commit. Throws where it can not be understood. */
  checkpoint(): GuildCheckpoint {
    if (!this.#checkpoint) throw new Error('there is no checkpoint in this file of guilds');
    return decodeCheckpoint(this.#checkpoint);
  }

  /** @throws {StoredGuildsLostError} One of them has no body, nor had it before; or the file has been cut or deleted. */
  async put(guilds: readonly StoredGuild[]): Promise<void> {
    const unknown = guilds.find(({ guildId, body }) => !body && !this.#index.has(guildId));
    if (unknown) throw new StoredGuildsLostError(`the body of guild ${unknown.guildId} is not stored`);
    await this.#append(encodeGuilds(guilds));
  }

  /** @throws {StoredGuildsLostError} The file has been cut or deleted. */
  async commit(checkpoint: GuildCheckpoint): Promise<void> {
    await this.#append(encodeCheckpointRecord(checkpoint, this.#index.forgottenBy(checkpoint)));
  }

  /** The guilds as of the moment it is asked for: whatever is written while they are read, and also once the file has been deleted. */
  async openReading(): Promise<GuildFileReading> {
    const places = [...this.#index.guilds];
    return new GuildFileReading(await open(this.path, 'r'), places);
  }

  /** All that lives of it, in a file of its own. */
  async copyTo(path: string): Promise<GuildFile> {
    const copy = new GuildFile(path);
    try {
      await using reading = await this.openReading();
      for await (const guilds of reading.batches()) await copy.put(guilds);
      await copy.commit(this.checkpoint());
      return copy;
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Closes it. It is opened again by the next write. */
  async [Symbol.asyncDispose](): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#handle ??= await this.#open();
    try {
      await this.#handle.appendFile(bytes);
    } catch (error) {
      // What was written of it is cut off when it is opened again.
      await this[Symbol.asyncDispose]();
      throw error;
    }
    this.#take(viewRecord(bytes), this.#bytes + RECORD_HEADER_BYTES);
    this.#bytes += bytes.length;
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.path), { recursive: true, mode: DIRECTORY_MODE });
    const handle = await open(this.path, 'a', FILE_MODE);
    try {
      const { size } = await handle.stat();
      if (size < this.#bytes) throw new StoredGuildsLostError(`${this.path} was cut or deleted`);
      if (size > this.#bytes) await handle.truncate(this.#bytes);
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Takes note of a record whose body is at `bodyAt`. `false`: it is not what was written. */
  #take({ kind, body }: RawRecord, bodyAt: number): boolean {
    if (kind === GuildRecordKind.Guilds) {
      const guilds = decodeGuilds(body);
      return guilds !== undefined && this.#index.put(guilds, bodyAt);
    }
    const record = kind === GuildRecordKind.Checkpoint ? decodeCheckpointRecord(body) : undefined;
    if (!record) return false;
    this.#index.forget(record.forgotten);
    this.#checkpoint = Buffer.from(record.checkpoint);
    this.#checkpointBytes = body.length + RECORD_HEADER_BYTES;
    return true;
  }
}
