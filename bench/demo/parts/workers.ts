/** The worker processes, and the one book of what they received: a worker may die at any moment, and the book stays. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from '../child.ts';
import { COLUMNS, type WorkerReport, type WorkerStart } from '../messages.ts';
import { ShardRecord } from '../record.ts';

const MAIN = fileURLToPath(new URL('../worker/main.ts', import.meta.url));

export interface WorkersOptions {
  /** `http://host:port` of HAProxy. */
  readonly url: string;
  readonly token: string;
  readonly intents: number;
  readonly workers: number;
  readonly shards: number;
  readonly onFailure: (error: Error) => void;
}

interface BookedShard {
  readonly record: ShardRecord;
  session: { readonly sessionId: string; readonly resumeUrl: string } | null;
  isConnected: boolean;
}

export class WorkersPart {
  /** How many processes. */
  readonly count: number;
  /** How often all of them were restarted at once. */
  restarts = 0;
  readonly #options: WorkersOptions;
  readonly #shards: readonly BookedShard[];
  #children: readonly Child[] = [];

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.count = options.workers;
    this.#shards = Array.from({ length: options.shards }, () => ({
      record: new ShardRecord(),
      session: null,
      isConnected: false,
    }));
  }

  get pids(): readonly number[] {
    return this.#children.filter((child) => child.isRunning).map((child) => child.pid);
  }

  get connected(): number {
    return this.#shards.filter((shard) => shard.isConnected).length;
  }

  /** By shard id. */
  get records(): readonly ShardRecord[] {
    return this.#shards.map((shard) => shard.record);
  }

  start(): void {
    this.#children = Array.from({ length: this.#options.workers }, (_, worker) => this.#startOne(worker));
  }

  /** All at once. Every one RESUMEs from the last dispatch in the book. */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.restarts += 1;
    await this.stop(signal);
    this.start();
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end(signal)));
    for (const shard of this.#shards) shard.isConnected = false;
  }

  #startOne(worker: number): Child {
    const { url, token, intents, shards: shardCount, workers } = this.#options;
    const perWorker = Math.ceil(shardCount / workers);
    const shards = this.#shards
      .map(({ record, session }, shard) => ({
        shard,
        session: session && { ...session, sequence: record.head },
      }))
      .slice(worker * perWorker, (worker + 1) * perWorker);
    const start: WorkerStart = { url, token, intents, shardCount, shards };
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
