/** Guilds of a file being read, from the places where they were when it was opened. */
import type { FileHandle } from 'node:fs/promises';
import type { StoredGuild } from '../../guilds/index.ts';
import type { GuildPlace } from './guild-index.ts';
import { readAt } from './piece-reader.ts';

export type LoadedGuild = StoredGuild & { readonly body: Buffer };

/** What is read at a time, as far as guilds are smaller than that. */
const BATCH_BYTES = 256 * 1024;

type Places = readonly (readonly [guildId: string, place: GuildPlace])[];

export class GuildFileReading implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #places: Places;

  constructor(handle: FileHandle, places: Places) {
    this.#handle = handle;
    this.#places = places;
  }

  async *batches(): AsyncGenerator<readonly LoadedGuild[]> {
    for (let from = 0; from < this.#places.length; ) {
      const to = endOfBatch(this.#places, from);
      yield await Promise.all(this.#places.slice(from, to).map((guild) => this.#read(guild)));
      from = to;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #read([guildId, place]: Places[number]): Promise<LoadedGuild> {
    const { sequence, bodyAt, bodyBytes, pendingAt, pendingBytes } = place;
    if (pendingAt === bodyAt + bodyBytes) {
      const both = await this.#bytes(bodyAt, bodyBytes + pendingBytes);
      return { guildId, sequence, body: both.subarray(0, bodyBytes), pending: both.subarray(bodyBytes) };
    }
    const [body, pending] = await Promise.all([
      this.#bytes(bodyAt, bodyBytes),
      this.#bytes(pendingAt, pendingBytes),
    ]);
    return { guildId, sequence, body, pending };
  }

  async #bytes(at: number, bytes: number): Promise<Buffer> {
    const read = await readAt(this.#handle, at, bytes);
    if (read.length < bytes) throw new Error('a file of guilds is shorter than it was');
    return read;
  }
}

function endOfBatch(places: Places, from: number): number {
  let to = from;
  for (let bytes = 0; to < places.length && bytes < BATCH_BYTES; to++) {
    const place = places[to]?.[1];
    bytes += (place?.bodyBytes ?? 0) + (place?.pendingBytes ?? 0);
  }
  return to;
}
