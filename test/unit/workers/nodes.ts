/** Several worker gateways of one deployment in this process: each has its own shards, clock and port, and knows the others' key. */
import { afterEach, beforeEach } from 'vitest';
import { PeerHeaders, PeerRelay, relayKey } from '../../../src/routing/index.ts';
import type { Peers } from '../../../src/workers/index.ts';
import type { ManualClock } from '../../support/manual-clock.ts';
import { startTestGateway, type TestGateway, type TestGatewayOptions, TestShard } from './shards.ts';

export const KEY = relayKey('the secret of a cluster of tests');

export interface NodeOptions extends TestGatewayOptions {
  /** By application id. */
  readonly held?: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

export class TestNode implements AsyncDisposable {
  readonly nodeId: string;
  /** What `onRelayed` was called with. */
  readonly relayed: string[] = [];
  gateway!: TestGateway;
  readonly #held: NodeOptions['held'];

  private constructor(nodeId: string, held: NodeOptions['held']) {
    this.nodeId = nodeId;
    this.#held = held;
  }

  /** Holds all shards, unless `shards` are taken from it. */
  static async start(nodeId: string, { held, ...options }: NodeOptions = {}): Promise<TestNode> {
    const node = new TestNode(nodeId, held);
    node.gateway = await startTestGateway({ ...options, peers: (clock) => node.#peers(clock) });
    return node;
  }

  get address(): string {
    return `127.0.0.1:${this.gateway.port}`;
  }

  get directory() {
    return this.gateway.directory;
  }

  get states(): string[] {
    return [...this.gateway.server.connections].map(({ stateKind }) => stateKind);
  }

  /** It holds no shard any more, and knows of no owner. */
  holdNothing(): void {
    this.directory.shards = [];
  }

  /** It learns that `owner` holds the shard. */
  seeOwner(owner: { readonly nodeId: string; readonly address: string }, shardId = 0): void {
    this.directory.owners.set(shardId, { nodeId: owner.nodeId, address: owner.address });
    this.directory.changed();
  }

  /** It begins to hold the shard. */
  hold(shardId = 0): TestShard {
    const shard = new TestShard(shardId, this.directory.shardCount ?? 1);
    shard.begin();
    this.directory.shards[shardId] = shard;
    this.directory.changed();
    return shard;
  }

  #peers(clock: ManualClock): Peers {
    const headers = new PeerHeaders({ key: KEY });
    return {
      nodeId: this.nodeId,
      relay: new PeerRelay({ key: KEY, nodeId: this.nodeId, clock }),
      readHeader: (request) => headers.read(request),
      heldShards: (applicationId) => this.#held?.get(applicationId) ?? new Map(),
      onRelayed: (applicationId, shardId) => this.relayed.push(`${applicationId}/${shardId}`),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.gateway[Symbol.asyncDispose]();
  }
}

/**
 * The nodes of a test. They end in the order of their start, so the one that workers connect to is started first: an owner that ends
 * waits for its workers to go.
 */
export class TestNodes implements AsyncDisposable {
  readonly #nodes: TestNode[] = [];

  async start(nodeId: string, options: NodeOptions = {}): Promise<TestNode> {
    const node = await TestNode.start(nodeId, options);
    this.#nodes.push(node);
    return node;
  }

  /** Workers connect to `entry`; `owner` holds the shards. */
  async startPair(ownerOptions: NodeOptions = {}): Promise<{ entry: TestNode; owner: TestNode }> {
    const entry = await this.start('entry');
    const owner = await this.start('owner', ownerOptions);
    entry.holdNothing();
    entry.seeOwner(owner);
    return { entry, owner };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
  }
}

export interface TestPair {
  readonly nodes: TestNodes;
  /** Where workers connect. */
  readonly entry: TestNode;
  /** Holds the only shard. */
  readonly owner: TestNode;
}

/** Starts a pair before each test of the file, and stops whatever was started after it. */
export function eachTestHasPair(use: (pair: TestPair) => void): void {
  let nodes: TestNodes;
  beforeEach(async () => {
    nodes = new TestNodes();
    use({ nodes, ...(await nodes.startPair()) });
  });
  afterEach(() => nodes[Symbol.asyncDispose]());
}
