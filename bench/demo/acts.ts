/** What is done to the parts in the demo, and how often it was. */
import { until } from '../deployment/catching-up.ts';
import { type Deployment, NODE_NAMES, type NodeName } from '../deployment/deployment.ts';
import type { NodePart } from '../deployment/node.ts';
import type { Act } from './story.ts';

/** They are there from the beginning; one more can be added. */
export const FIRST_NODES: readonly NodeName[] = NODE_NAMES.slice(0, 3);

/** Far above what it takes until the shards lie as they should. */
const MOVE_TIMEOUT_MS = 30_000;

const LOOK_EVERY_MS = 50;

export interface ActCounts {
  workerRestarts: number;
  nodesAdded: number;
  nodesDrained: number;
  nodesKilled: number;
}

export class Acts {
  readonly counts: ActCounts = { workerRestarts: 0, nodesAdded: 0, nodesDrained: 0, nodesKilled: 0 };
  readonly #parts: Deployment;
  /** The first is the next to be drained or killed. */
  readonly #present: NodeName[] = [...FIRST_NODES];

  constructor(parts: Deployment) {
    this.#parts = parts;
  }

  /** To be told in this order, again and again; each is made when its turn comes. */
  get inOrder(): readonly (() => Act)[] {
    return [
      () => this.#killWorkers(),
      () => this.#addNode(),
      () => this.#drainNode(),
      () => this.#killNode(),
      () => this.#restartWorkers(),
    ];
  }

  #killWorkers(): Act {
    const { count } = this.#parts.workers;
    return {
      now: `killing all ${count} workers at once (kill -9), and starting them again`,
      past: `all ${count} workers killed at once (kill -9)`,
      run: () => this.#startWorkersAfter('SIGKILL'),
    };
  }

  #restartWorkers(): Act {
    const { count } = this.#parts.workers;
    return {
      now: `restarting all ${count} workers at once`,
      past: `all ${count} workers restarted at once`,
      run: () => this.#startWorkersAfter('SIGTERM'),
    };
  }

  #addNode(): Act {
    const name = NODE_NAMES.find((one) => !this.#present.includes(one)) ?? 'node-d';
    return {
      now: `adding ${name}: it takes its share of the shards over`,
      past: `${name} added`,
      run: async () => {
        this.counts.nodesAdded += 1;
        await this.#node(name).start();
        this.#present.push(name);
        await this.#hasItsShare(name);
      },
    };
  }

  #drainNode(): Act {
    const name = this.#present[0] ?? 'node-a';
    return {
      now: `draining ${name} (SIGTERM), as a deploy does: it hands its shards over and ends`,
      past: `${name} drained`,
      run: async () => {
        this.counts.nodesDrained += 1;
        this.#present.shift();
        await this.#node(name).stop('SIGTERM');
      },
    };
  }

  #killNode(): Act {
    const name = this.#present[0] ?? 'node-a';
    return {
      now: `killing ${name} (kill -9): the others take its shards over, and it is started again`,
      past: `${name} killed (kill -9)`,
      run: async () => {
        this.counts.nodesKilled += 1;
        await this.#node(name).stop('SIGKILL');
        await this.#shardsOf(name, `the shards of ${name} are taken over`, (shards) => shards === 0);
        await this.#node(name).start();
        await this.#hasItsShare(name);
        this.#present.push(...this.#present.splice(0, 1));
      },
    };
  }

  async #startWorkersAfter(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.counts.workerRestarts += 1;
    await this.#parts.workers.stop(signal);
    this.#parts.workers.start();
  }

  #node(name: NodeName): NodePart {
    const node = this.#parts.nodes.get(name);
    if (!node) throw new RangeError(`there is no ${name}`);
    return node;
  }

  #hasItsShare(name: NodeName): Promise<void> {
    const share = Math.floor(this.#parts.workers.records.length / this.#present.length);
    return this.#shardsOf(name, `${name} has its share of the shards`, (shards) => shards >= share);
  }

  /** Resolves when HAProxy sends the workers of a right number of shards to the node. */
  #shardsOf(name: NodeName, what: string, isRight: (shards: number) => boolean): Promise<void> {
    const number = NODE_NAMES.indexOf(name) + 1;
    const isSo = async () => {
      const servers = await this.#parts.haproxies[0].taughtServers();
      return isRight([...servers.values()].filter((server) => server === number).length);
    };
    return until(what, isSo, MOVE_TIMEOUT_MS, LOOK_EVERY_MS);
  }
}
