/**
 * Writes a shard's tail to Redis, under a lease. A write is one script call; what it may find there is said in
 * `lua/append-tail.lua`. Where Redis has lost what was written, the append rejects, and the next begins anew from a base of its
 * moment: the base has to be of the time of the call, so it can't be had after an answer.
 */
import { randomBytes } from 'node:crypto';
import type { TailBase, TailChunk } from '../../log/index.ts';
import { encodeChunk } from '../embedded/tail-record.ts';
import { LeaseLostError, type NodeIdentity, type OpenTail } from '../ports.ts';
import type { RedisConnections } from './connections.ts';
import { CHECKPOINT_KEEP_MS, KEEP_MS } from './keys.ts';
import type { RedisTailOptions } from './options.ts';
import { encodeBase } from './tail-base.ts';

/**
 * A base is written anew after this share of the bound on bytes, or on age: well before the first chunk behind it is dropped, so
 * that base and chunks always give the state as it is.
 */
const BASE_SHARE = 1 / 8;

/** Without chunks the base alone is the state. */
const CHECKPOINT_BASE_INTERVAL_MS = 5_000;

const NO_RECORD = Buffer.alloc(0);

export interface RedisTailContext {
  readonly connections: RedisConnections;
  readonly identity: NodeIdentity;
  readonly shardId: number;
  readonly epoch: number;
  /** Leases, checkpoint, stream. */
  readonly keys: readonly [leases: string, checkpoint: string, stream: string];
  readonly options: RedisTailOptions;
}

type Reply = readonly ['ok', bytes: number, generation?: string] | readonly ['lost' | 'unknown' | 'torn'];

export class RedisTail implements OpenTail {
  readonly #context: RedisTailContext;
  /** The one that is written to; '' before the first write behind what another process left. */
  #generation = '';
  /** What is stored does not go on with what is to be written. */
  #isTorn = false;
  #bytes = 0;
  /** Since the base was last written. */
  #bytesSinceBase = 0;
  #baseWrittenAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: RedisTailContext) {
    this.#context = context;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async begin(base: TailBase): Promise<void> {
    this.#baseWrittenAtMs = Number.NEGATIVE_INFINITY;
    await this.#begin(base, []);
  }

  async append(chunk: TailChunk, base: () => TailBase): Promise<void> {
    const { keepsChunks } = this.#context.options;
    // Asked for before anything is awaited: a moment later the shard may have another session.
    const newBase = this.#isTorn || this.#needsBase(chunk.writtenAtMs) ? base() : undefined;
    const record = keepsChunks ? encodeChunk(chunk) : NO_RECORD;
    if (newBase && this.#isTorn) {
      await this.#begin({ ...newBase, sequence: chunk.afterSequence }, [record, chunk.lastSequence]);
    } else {
      await this.#append(chunk, record, newBase);
    }
    this.#bytesSinceBase = (newBase ? 0 : this.#bytesSinceBase) + record.length;
    if (newBase) this.#baseWrittenAtMs = chunk.writtenAtMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open.
  }

  #needsBase(nowMs: number): boolean {
    const { maxBytes, maxAgeMs, keepsChunks } = this.#context.options;
    const intervalMs = maxAgeMs * BASE_SHARE;
    const oldestMs = keepsChunks ? intervalMs : Math.min(intervalMs, CHECKPOINT_BASE_INTERVAL_MS);
    return this.#bytesSinceBase >= maxBytes * BASE_SHARE || nowMs - this.#baseWrittenAtMs >= oldestMs;
  }

  async #begin(base: TailBase, first: readonly [] | readonly [record: Buffer, lastSequence: number]) {
    const generation = randomBytes(9).toString('base64url');
    const [, bytes] = await this.#write('begin-tail', [
      generation,
      encodeBase(base),
      base.sequence,
      CHECKPOINT_KEEP_MS,
      KEEP_MS,
      ...first,
    ]);
    this.#generation = generation;
    this.#isTorn = false;
    this.#bytes = bytes;
  }

  async #append(chunk: TailChunk, record: Buffer, base: TailBase | undefined): Promise<void> {
    const { maxBytes, maxAgeMs } = this.#context.options;
    const [, bytes, generation] = await this.#write('append-tail', [
      this.#generation,
      record,
      chunk.afterSequence,
      chunk.lastSequence,
      maxBytes,
      maxAgeMs,
      CHECKPOINT_KEEP_MS,
      KEEP_MS,
      ...(base ? [encodeBase(base)] : []),
    ]);
    this.#generation = generation ?? this.#generation;
    this.#bytes = bytes;
  }

  async #write(name: 'begin-tail' | 'append-tail', args: readonly (string | number | Buffer)[]) {
    const { connections, identity, shardId, epoch, keys } = this.#context;
    const fence = [identity.nodeId, identity.incarnation, shardId, epoch];
    // The script's header says so.
    const reply = (await connections.run(name, keys, [...fence, ...args])) as Reply;
    if (reply[0] === 'ok') return reply;
    if (reply[0] === 'lost') {
      throw new LeaseLostError(`the lease of shard ${shardId} with epoch ${epoch} is another's by now`);
    }
    if (reply[0] === 'unknown') {
      throw new Error(`Redis has lost the lease of shard ${shardId}; the next renewal brings it back`);
    }
    this.#isTorn = true;
    throw new Error(`Redis has lost some of the tail of shard ${shardId}; it begins anew`);
  }
}
