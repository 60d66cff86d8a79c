/** What every cluster store does with tails. Part of `cluster-store-contract.ts`. */
import { describe, expect, it } from 'vitest';
import { LeaseLostError, type OpenTail, type StoredTail } from '../../../src/cluster/index.ts';
import type { TailBase, TailChunk } from '../../../src/log/index.ts';
import { eventually } from '../../support/eventually.ts';
import {
  type ClusterEnvironment,
  type ClusterEnvironmentOptions,
  type ClusterStoreKind,
  DEFAULTS,
  LAPSE_MS,
  MAX_TAIL_AGE_MS,
  MAX_TAIL_BYTES,
  newNode,
  SHORT_TTL_MS,
  type TestNode,
} from './cluster-environment.ts';

/** More than an eighth of the bound, so that each may be a part of its own. */
const CHUNK_BYTES = MAX_TAIL_BYTES / 6;

/** Of chunks in which the size is of no interest. */
const SMALL_BYTES = 100;

/** Writes a shard's tail as `Tail` does, and remembers what it wrote. */
class Writer {
  readonly chunks: TailChunk[] = [];
  readonly #environment: ClusterEnvironment;
  readonly #tail: OpenTail;
  #sequence: number;
  #isInCall = false;
  /** Whether a base was asked for later than in the call itself. */
  wasAskedLate = false;

  constructor(environment: ClusterEnvironment, tail: OpenTail, sequence = 0) {
    this.#environment = environment;
    this.#tail = tail;
    this.#sequence = sequence;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get bytes(): number {
    return this.#tail.bytes;
  }

  base(): TailBase {
    return { sequence: this.#sequence, state: { at: this.#sequence, guilds: ['1', '2'] } };
  }

  async begin(): Promise<void> {
    await this.#tail.begin(this.base());
    this.chunks.length = 0;
  }

  /** Goes on from where the last chunk that was written ends. */
  async append(bytes = SMALL_BYTES): Promise<void> {
    const chunk = {
      afterSequence: this.#sequence,
      lastSequence: this.#sequence + 10,
      writtenAtMs: Math.floor(this.#environment.nowMs()),
      compressed: Buffer.alloc(bytes, this.#sequence),
    };
    this.#isInCall = true;
    const written = this.#tail.append(chunk, () => {
      if (!this.#isInCall) this.wasAskedLate = true;
      return this.base();
    });
    this.#isInCall = false;
    await written;
    this.#sequence = chunk.lastSequence;
    this.chunks.push(chunk);
  }
}

function chunksOf({ parts }: StoredTail): TailChunk[] {
  return parts.flatMap(({ chunks }) => chunks);
}

function expectNoHole(stored: StoredTail): void {
  const first = stored.parts[0]?.base.sequence;
  for (const [index, { afterSequence }] of chunksOf(stored).entries()) {
    expect(afterSequence).toBe(index === 0 ? first : chunksOf(stored)[index - 1]?.lastSequence);
  }
}

export function tailsContract(name: string, kind: ClusterStoreKind): void {
  const open = (options: Partial<ClusterEnvironmentOptions> = {}) => kind.open({ ...DEFAULTS, ...options });

  /** A node that holds shard 0, and its writer, who has begun. */
  async function newWriter(environment: ClusterEnvironment): Promise<{ node: TestNode; writer: Writer }> {
    const node = await newNode(environment, 'node-a');
    await node.acquire([0]);
    const writer = writerOf(environment, node);
    await writer.begin();
    return { node, writer };
  }

  function writerOf(environment: ClusterEnvironment, node: TestNode, sequence = 0): Writer {
    return new Writer(environment, node.membership.openTail(0, node.epochOf(0)), sequence);
  }

  describe(`tails: ${name}`, () => {
    it('where nothing was written there is nothing to read', async () => {
      await using environment = await open();
      const node = await newNode(environment, 'node-a');
      expect(await node.membership.loadTail(0)).toMatchObject({ isContinuation: false, parts: [] });
    });

    it('a base comes back as it was begun with', async () => {
      await using environment = await open();
      const node = await newNode(environment, 'node-a');
      await node.acquire([0]);
      const state = { session: { id: 'x' }, guildIds: Array.from({ length: 2_000 }, (_, n) => `${n}00000`) };
      await node.membership.openTail(0, node.epochOf(0)).begin({ sequence: 41, state });
      const { parts, position } = await node.membership.loadTail(0);
      expect(parts).toEqual([{ base: { sequence: 41, state }, chunks: [] }]);
      expect(position.sequence).toBe(41);
    });

    it('chunks come back in order, byte for byte, to every node', async () => {
      await using environment = await open();
      const { writer } = await newWriter(environment);
      for (const bytes of [SMALL_BYTES, 0, 3 * SMALL_BYTES]) await writer.append(bytes);
      const stored = await (await newNode(environment, 'node-b')).membership.loadTail(0);
      expect(chunksOf(stored)).toEqual(writer.chunks);
      expect(stored.position.sequence).toBe(writer.sequence);
      expect(stored.parts.at(-1)?.base.state).toMatchObject({ guilds: ['1', '2'] });
    });

    it('shards have a tail each', async () => {
      await using environment = await open();
      const { node, writer } = await newWriter(environment);
      await writer.append();
      expect((await node.membership.loadTail(1)).parts).toEqual([]);
    });

    it('to begin forgets what was there', async () => {
      await using environment = await open();
      const { node, writer } = await newWriter(environment);
      await writer.append();
      const before = await node.membership.loadTail(0);
      await writer.begin();
      await writer.append();
      const stored = await node.membership.loadTail(0);
      expect(chunksOf(stored)).toEqual(writer.chunks);
      expect(stored.position.generation).not.toBe(before.position.generation);
    });

    it('whoever takes the shard over goes on behind what it has read', async () => {
      await using environment = await open();
      const { node: a, writer } = await newWriter(environment);
      await writer.append();
      const b = await newNode(environment, 'node-b');
      b.held.set(0, (await a.pass(0, b))?.epoch ?? 0);
      const { position } = await b.membership.loadTail(0);
      const next = writerOf(environment, b, position.sequence);
      await next.append();
      await next.append();
      const stored = await a.membership.loadTail(0);
      expect(chunksOf(stored)).toEqual([...writer.chunks, ...next.chunks]);
      expectNoHole(stored);
    });

    it('a base is asked for in the call itself, or not at all', async () => {
      await using environment = await open();
      const { writer } = await newWriter(environment);
      for (let count = 0; count < 20; count++) await writer.append(CHUNK_BYTES);
      expect(writer.wasAskedLate).toBe(false);
    });

    it('it is bounded by bytes: the newest stay, without a hole, and the state is no older than they are', async () => {
      await using environment = await open();
      const { node, writer } = await newWriter(environment);
      for (let count = 0; count < 20; count++) {
        await writer.append(CHUNK_BYTES);
        expect(writer.bytes).toBeLessThanOrEqual(MAX_TAIL_BYTES + CHUNK_BYTES);
      }
      const stored = await node.membership.loadTail(0);
      const chunks = chunksOf(stored);
      expect(chunks.length).toBeGreaterThan(1);
      expect(chunks.reduce((sum, { compressed }) => sum + compressed.length, 0)).toBeLessThanOrEqual(
        MAX_TAIL_BYTES,
      );
      expect(chunks).toEqual(writer.chunks.slice(-chunks.length));
      expectNoHole(stored);
      expect(stored.parts[0]?.base.state['at']).toBeGreaterThanOrEqual(chunks[0]!.afterSequence);
    });

    it('it is bounded by age, and the state is no older than what is left', async () => {
      await using environment = await open({ maxTailAgeMs: MAX_TAIL_AGE_MS });
      const { node, writer } = await newWriter(environment);
      await writer.append(CHUNK_BYTES);
      await environment.elapse(MAX_TAIL_AGE_MS + 50);
      await writer.append(CHUNK_BYTES);
      const stored = await node.membership.loadTail(0);
      expect(chunksOf(stored)).toEqual(writer.chunks.slice(-1));
      expect(stored.parts[0]?.base.state['at']).toBe(10);
    });
  });

  describe(`fencing of tails: ${name}`, () => {
    it('whoever has passed the lease on writes no more', async () => {
      await using environment = await open();
      const { node: a, writer } = await newWriter(environment);
      await writer.append();
      const b = await newNode(environment, 'node-b');
      await a.pass(0, b);
      await expect(writer.append()).rejects.toBeInstanceOf(LeaseLostError);
      await expect(writer.begin()).rejects.toBeInstanceOf(LeaseLostError);
      expect(chunksOf(await b.membership.loadTail(0))).toEqual(writer.chunks);
    });

    it('whoever has given the lease back writes no more', async () => {
      await using environment = await open();
      const { node, writer } = await newWriter(environment);
      await node.pass(0, undefined);
      await expect(writer.append()).rejects.toBeInstanceOf(LeaseLostError);
    });

    it('whoever has lapsed writes on until another takes the lease', async () => {
      await using environment = await open({ leaseTtlMs: SHORT_TTL_MS });
      const { writer } = await newWriter(environment);
      await environment.elapse(LAPSE_MS);
      await writer.append();
      const b = await newNode(environment, 'node-b');
      await b.acquire([0]);
      await expect(writer.append()).rejects.toBeInstanceOf(LeaseLostError);
      expect(chunksOf(await b.membership.loadTail(0))).toEqual(writer.chunks);
    });

    it('an epoch that is over stays so when the same node takes the shard again', async () => {
      await using environment = await open();
      const { node, writer } = await newWriter(environment);
      await node.pass(0, undefined);
      await node.acquire([0]);
      await expect(writer.append()).rejects.toBeInstanceOf(LeaseLostError);
      await writerOf(environment, node).begin();
    });
  });

  if (kind.canContinue)
    describe(`going on reading tails: ${name}`, () => {
      it('only what came behind a position is read, with the newest state', async () => {
        await using environment = await open();
        const { node, writer } = await newWriter(environment);
        await writer.append();
        await writer.append();
        const { position } = await node.membership.loadTail(0);
        for (let count = 0; count < 3; count++) await writer.append(CHUNK_BYTES);
        const stored = await node.membership.loadTail(0, position);
        expect(stored.isContinuation).toBe(true);
        expect(stored.position).toEqual({ generation: position.generation, sequence: writer.sequence });
        expect(chunksOf(stored)).toEqual(writer.chunks.slice(2));
        expect(stored.parts[0]?.base.sequence).toBe(position.sequence);
        expect(stored.parts.at(-1)?.base.state['at']).toBeGreaterThan(0);
      });

      it('where nothing came behind a position there is nothing to read', async () => {
        await using environment = await open();
        const { node, writer } = await newWriter(environment);
        await writer.append();
        const { position } = await node.membership.loadTail(0);
        const stored = await node.membership.loadTail(0, position);
        expect(stored).toMatchObject({ isContinuation: true, position, parts: [{ chunks: [] }] });
      });

      it('a position in a tail that was begun since, or that was dropped, gets everything', async () => {
        await using environment = await open();
        const { node, writer } = await newWriter(environment);
        await writer.append();
        const { position } = await node.membership.loadTail(0);
        for (let count = 0; count < 10; count++) await writer.append(CHUNK_BYTES);
        const dropped = await node.membership.loadTail(0, position);
        expect(dropped.isContinuation).toBe(false);
        expectNoHole(dropped);
        await writer.begin();
        await writer.append();
        const begun = await node.membership.loadTail(0, dropped.position);
        expect(begun.isContinuation).toBe(false);
        expect(chunksOf(begun)).toEqual(writer.chunks);
      });
    });

  if (kind.canLoseData)
    describe(`tails after a loss of data: ${name}`, () => {
      it('nothing is written before the lease is asserted, and the lease is not lost', async () => {
        await using environment = await open();
        const { writer } = await newWriter(environment);
        await environment.loseData?.();
        const refused = await writer.append().catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(Error);
        expect(refused).not.toBeInstanceOf(LeaseLostError);
      });

      it('goes on from a base of its own where what was written before is gone', async () => {
        await using environment = await open();
        const { node, writer } = await newWriter(environment);
        await writer.append();
        const { position } = await node.membership.loadTail(0);
        await environment.loseData?.();
        await node.renew();
        await eventually(() => writer.append().then(() => true));
        await writer.append();
        const stored = await node.membership.loadTail(0, position);
        expect(stored.isContinuation).toBe(false);
        expect(stored.position.generation).not.toBe(position.generation);
        expect(chunksOf(stored)).toEqual(writer.chunks.slice(1));
        expectNoHole(stored);
        expect(stored.parts[0]?.base.state['at']).toBe(10);
        expect(writer.wasAskedLate).toBe(false);
      });

      it('whoever goes on behind a tail that is gone begins one', async () => {
        await using environment = await open();
        const { node, writer } = await newWriter(environment);
        await writer.append();
        await environment.loseData?.();
        await node.renew();
        const next = writerOf(environment, node, writer.sequence);
        await eventually(() => next.append().then(() => true));
        expect(chunksOf(await node.membership.loadTail(0))).toEqual(next.chunks);
      });

      it('is refused to whom another has followed meanwhile', async () => {
        await using environment = await open();
        const { writer } = await newWriter(environment);
        await environment.loseData?.();
        const b = await newNode(environment, 'node-b');
        await b.acquire([0]);
        await expect(writer.append()).rejects.toBeInstanceOf(LeaseLostError);
      });
    });
}
