/**
 * A shard's tail on disk: numbered files in a directory of its own, appended to, rotated by size, the oldest deleted when
 * all together are too large or too old. Crash-safe by construction: a chunk carries its checkpoint and checksum, so what
 * was torn is a chunk that never was, and Discord replays it. Nothing is fsynced: after a power cut the checkpoint is
 * older, which costs a longer replay and no correctness.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TailBase, TailChunk, TailStore } from '../../log/index.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import type { StoredPart } from '../ports.ts';
import { decodeRecords, encodeBase, encodeChunk } from './tail-record.ts';

export interface TailFilesOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** Parts the bound is cut into: dropping the oldest loses this share of the window. */
const FILES_PER_TAIL = 8;

/** What a bot is told is nobody else's business on this machine. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

const FILE_NAME = /^(\d{10})\.tail$/;

interface TailFile {
  readonly number: number;
  bytes: number;
  lastWrittenAtMs: number;
}

export class TailFiles implements TailStore, AsyncDisposable {
  readonly #options: TailFilesOptions;
  /** Oldest first; the last is the one written to. */
  #files: TailFile[] = [];
  #handle: FileHandle | undefined;
  #nextNumber = 1;
  /** Whether the files that were there before are among `#files`. */
  #isListed = false;
  #generation: string | undefined;

  constructor(options: TailFilesOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Of what was loaded or written last; `undefined` where there is nothing. */
  get generation(): string | undefined {
    return this.#generation;
  }

  /** Reads what an earlier writer left. Writing goes on in a new file. What can't be read is passed over, and told. */
  async load(onUnreadable: (path: string, reason: string) => void = () => undefined): Promise<StoredPart[]> {
    await this.#list();
    const parts: StoredPart[] = [];
    for (const { number } of this.#files) {
      try {
        const part = await this.#read(number);
        if (part) parts.push(part);
      } catch (error) {
        // Its writer has dropped it meanwhile.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        onUnreadable(this.#path(number), reasonOf(error));
      }
    }
    return parts;
  }

  /** Finds the files that are there: they count for the bounds, and a new one comes behind them. */
  async #list(): Promise<void> {
    if (this.#isListed) return;
    const names = await readdir(this.#options.directory).catch(() => []);
    const numbers = names
      .map((name) => Number(FILE_NAME.exec(name)?.[1]))
      .filter((number) => number > 0)
      .sort((a, b) => a - b);
    this.#nextNumber = (numbers.at(-1) ?? 0) + 1;
    for (const number of numbers) {
      const found = await stat(this.#path(number)).catch(() => undefined);
      if (found) this.#files.push({ number, bytes: found.size, lastWrittenAtMs: found.mtimeMs });
    }
    this.#isListed = true;
  }

  async #read(number: number): Promise<StoredPart | undefined> {
    let base: TailBase | undefined;
    const chunks: TailChunk[] = [];
    for (const record of decodeRecords(await readFile(this.#path(number)))) {
      if (record.kind === 'chunk') {
        chunks.push(record.chunk);
        continue;
      }
      base = record.base;
      this.#generation = record.generation;
    }
    return base && { base, chunks };
  }

  async begin(base: TailBase): Promise<void> {
    await this.#closeFile();
    await this.#list();
    this.#generation = randomUUID();
    const old = this.#files;
    this.#files = [];
    try {
      await this.#openFile(base);
    } catch {
      // Where the disk is full, the room of the old files is what the new one needs.
      await this.#remove(old);
      return this.#openFile(base);
    }
    await this.#remove(old);
  }

  async append(chunk: TailChunk, base: () => TailBase): Promise<void> {
    const current = this.#files.at(-1);
    if (!this.#handle || !current || current.bytes >= this.#options.maxBytes / FILES_PER_TAIL) {
      // Asked for before anything is awaited: a moment later the shard may have another session.
      const next = base();
      await this.#closeFile();
      await this.#goOn();
      await this.#openFile(next);
      // Only now: at no moment is there no tail to go on from.
      await this.#dropOld(chunk.writtenAtMs);
    }
    await this.#write(encodeChunk(chunk), chunk.writtenAtMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeFile();
  }

  #path(number: number): string {
    return join(this.#options.directory, `${String(number).padStart(10, '0')}.tail`);
  }

  /** Behind what an earlier writer left, if it has not been loaded: in its generation. */
  async #goOn(): Promise<void> {
    await this.#list();
    const newest = this.#files.at(-1);
    if (this.#generation !== undefined) return;
    if (newest) await this.#read(newest.number).catch(() => undefined);
    this.#generation ??= randomUUID();
  }

  async #openFile(base: TailBase): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: DIRECTORY_MODE });
    const file: TailFile = { number: this.#nextNumber++, bytes: 0, lastWrittenAtMs: 0 };
    this.#handle = await open(this.#path(file.number), 'a', FILE_MODE);
    this.#files.push(file);
    await this.#write(encodeBase(base, this.#generation), 0);
  }

  async #write(record: Buffer, nowMs: number): Promise<void> {
    const file = this.#files.at(-1);
    try {
      await this.#handle?.appendFile(record);
    } catch (error) {
      // What was written of it can't be read past: the next chunk goes to a new file.
      await this.#closeFile();
      throw error;
    }
    if (!file) return;
    file.bytes += record.length;
    file.lastWrittenAtMs = Math.max(file.lastWrittenAtMs, nowMs);
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** Drops from the oldest on what the bounds leave no place for; never the file that is written to. */
  async #dropOld(nowMs: number): Promise<void> {
    const { maxBytes, maxAgeMs } = this.#options;
    const room = maxBytes - maxBytes / FILES_PER_TAIL;
    const old: TailFile[] = [];
    for (let bytes = this.bytes; this.#files.length > 1; ) {
      const oldest = this.#files[0];
      if (!oldest || (oldest.lastWrittenAtMs >= nowMs - maxAgeMs && bytes <= room)) break;
      bytes -= oldest.bytes;
      old.push(oldest);
      this.#files.shift();
    }
    await this.#remove(old);
  }

  async #remove(files: readonly TailFile[]): Promise<void> {
    for (const file of files) await rm(this.#path(file.number), { force: true, recursive: true });
  }
}
