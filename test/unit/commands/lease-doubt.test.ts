import { expect, it } from 'vitest';
import type { Member } from '../../../src/cluster/index.ts';
import { LeaseDoubt } from '../../../src/commands/gateway/lease-doubt.ts';
import { LEASE_TTL_MS, type TestNode, TestNodes } from '../cluster/nodes.ts';

const SHARDS = 2;

/** Two nodes with a shard each, and what decides at the first of them; asking reaches the other, unless said otherwise. */
class Doubtful implements AsyncDisposable {
  readonly nodes: TestNodes;
  readonly a: TestNode;
  readonly b: TestNode;
  readonly shardId: number;
  readonly #doubt: LeaseDoubt;
  canAsk = true;

  static async start(): Promise<Doubtful> {
    return new Doubtful(await TestNodes.settled(SHARDS, ['a', 'b']));
  }

  private constructor(nodes: TestNodes) {
    const [a, b] = nodes.nodes;
    const [shardId] = a?.holder.here ?? [];
    if (!a || !b || shardId === undefined) throw new Error('not settled');
    this.nodes = nodes;
    this.a = a;
    this.b = b;
    this.shardId = shardId;
    this.#doubt = new LeaseDoubt({
      ownership: a.ownership,
      askHeldShards: async ({ nodeId }: Member) => {
        if (!this.canAsk || nodeId !== 'b') throw new Error('no answer');
        return b.ownership.held;
      },
      clock: nodes.clock,
      log: { info: () => undefined, warn: () => undefined, debug: () => undefined },
    });
  }

  /** Asks whether the shard may connect; the answer is there when `isAllowed`. */
  ask(): { isAllowed: boolean } {
    const answer = { isAllowed: false };
    void this.#doubt.mayConnect(this.shardId).then(() => {
      answer.isAllowed = true;
    });
    return answer;
  }

  /** The first node does not reach the store, and no node takes its shard over. */
  async cutOffAll(): Promise<void> {
    for (const { faults } of this.nodes.nodes) faults.isCutOff = true;
    await this.nodes.elapse(2 * LEASE_TTL_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.nodes[Symbol.asyncDispose]();
  }
}

it('a shard may connect at once while its lease is certain', async () => {
  await using doubtful = await Doubtful.start();
  const answer = doubtful.ask();
  await doubtful.nodes.elapse(5);
  expect(answer.isAllowed).toBe(true);
});

it('a shard that another node holds by now is conceded, and workers are sent on to there', async () => {
  await using doubtful = await Doubtful.start();
  const { nodes, a, b, shardId } = doubtful;
  a.faults.isCutOff = true;
  await nodes.elapse(2 * LEASE_TTL_MS);
  expect(b.holder.here).toContain(shardId);
  const answer = doubtful.ask();
  await nodes.elapse(5);
  expect(a.holder.here).not.toContain(shardId);
  expect(a.ownership.ownerElsewhere(shardId)?.nodeId).toBe('b');
  await nodes.elapse(60_000);
  expect(answer.isAllowed).toBe(false);
});

it('a shard that no other node holds goes on', async () => {
  await using doubtful = await Doubtful.start();
  await doubtful.cutOffAll();
  const answer = doubtful.ask();
  await doubtful.nodes.elapse(5);
  expect(answer.isAllowed).toBe(true);
});

it('a shard goes on too when the other nodes do not answer, but waits for the store when its connection ends again', async () => {
  await using doubtful = await Doubtful.start();
  const { nodes } = doubtful;
  await doubtful.cutOffAll();
  doubtful.canAsk = false;
  const first = doubtful.ask();
  await nodes.elapse(5);
  expect(first.isAllowed).toBe(true);
  const second = doubtful.ask();
  await nodes.elapse(10_000);
  expect(second.isAllowed).toBe(false);
  for (const { faults } of nodes.nodes) faults.isCutOff = false;
  await nodes.elapse(500);
  expect(second.isAllowed).toBe(true);
});
