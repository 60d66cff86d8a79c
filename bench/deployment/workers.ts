/** The worker processes, and the one book of what they received: a worker may die at any moment, and the book stays. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from './child.ts';
import { COLUMNS, type WorkerClient, type WorkerReport, type WorkerStart } from './messages.ts';
import { ShardRecord } from './record.ts';

const MAIN = fileURLToPath(new URL('./worker/main.ts', import.meta.url));

export interface WorkersOptions {
  /** `http://host:port` of the HAProxies: the workers are dealt to them in turn. */
  readonly urls: readonly string[];
  readonly token: string;
  readonly intents: number;
  readonly workers: number;
  readonly client: WorkerClient;
  readonly shards: number;
  readonly onFailure: (error: Error) => void;
}

interface BookedShard {
  readonly id: number;
  readonly record: ShardRecord;
  session: { readonly sessionId: string; readonly resumeUrl: string } | null;
  isConnected: boolean;
}

export class WorkersPart {
  /** How many processes. */
  readonly count: number;
  /** INVALID_SESSIONs that workers got. */
  invalidSessions = 0;
  readonly #options: WorkersOptions;
  readonly #shards: readonly BookedShard[];
  readonly #children: (Child | undefined)[] = [];

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.count = options.workers;
    this.#shards = Array.from({ length: options.shards }, (_, id) => ({
      id,
      record: new ShardRecord(),
      session: null,
      isConnected: false,
    }));
  }

  get pids(): readonly number[] {
    return this.#children.filter((child) => child?.isRunning).map((child) => child?.pid ?? 0);
  }

  get connected(): number {
    return this.#shards.filter((shard) => shard.isConnected).length;
  }

  /** By shard id. */
  get records(): readonly ShardRecord[] {
    return this.#shards.map((shard) => shard.record);
  }

  get all(): readonly number[] {
    return Array.from({ length: this.count }, (_, worker) => worker);
  }

  /** Every one RESUMEs from the last dispatch in the book. */
  start(workers = this.all): void {
    for (const worker of workers) this.#children[worker] = this.#startOne(worker);
  }

  /** All of these at once. */
  async stop(signal: 'SIGTERM' | 'SIGKILL', workers = this.all): Promise<void> {
    await Promise.all(workers.map((worker) => this.#children[worker]?.end(signal)));
    for (const shard of workers.flatMap((worker) => this.#shardsOf(worker))) {
      shard.isConnected = false;
      shard.record.connectionEnded();
    }
  }

  #shardsOf(worker: number): readonly BookedShard[] {
    const perWorker = Math.ceil(this.#options.shards / this.count);
    return this.#shards.slice(worker * perWorker, (worker + 1) * perWorker);
  }

  #startOne(worker: number): Child {
    const { urls, token, intents, client, shards: shardCount } = this.#options;
    const url = urls[worker % urls.length] ?? '';
    const shards = this.#shardsOf(worker).map(({ id, record, session }) => ({
      shard: id,
      session: session && { ...session, sequence: record.head },
    }));
    const start: WorkerStart = { url, token, intents, shardCount, client, shards };
    return new Child({
      name: `worker ${worker + 1}`,
      command: process.execPath,
      args: [MAIN],
      environment: environmentWith({}),
      input: JSON.stringify(start),
      onStdoutLine: (line) => this.#book(line),
      onFailure: this.#options.onFailure,
    });
  }

  #book(line: string): void {
    const report = readReport(line);
    const shard = report && this.#shards[report[1]];
    if (!report || !shard) return;
    switch (report[0]) {
      case 'ready':
        shard.session = { sessionId: report[3], resumeUrl: report[4] };
        shard.record.ready(report[2]);
        shard.isConnected = true;
        break;
      case 'resumed':
        shard.isConnected = true;
        break;
      case 'closed':
        shard.isConnected = false;
        shard.record.connectionEnded();
        break;
      case 'invalid':
        this.invalidSessions += 1;
        break;
      case 'over':
        shard.session = null;
        break;
      case 'dispatches':
        // From 2: behind the kind and the shard.
        for (let at = 2; at < report.length; at += COLUMNS) {
          shard.record.dispatch(Number(report[at]), Number(report[at + 1]), Number(report[at + 2]));
        }
    }
  }
}

/** `undefined` for the torn last line of a killed worker. */
function readReport(line: string): WorkerReport | undefined {
  try {
    return JSON.parse(line) as WorkerReport;
  } catch {
    return undefined;
  }
}
