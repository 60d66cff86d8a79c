/** A shardmux node: its process, which keeps its name, its ports and its place in HAProxy over restarts. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from './child.ts';
import { fieldOf, PRELOAD } from './simulator.ts';

const LISTENING_TIMEOUT_MS = 30_000;

/** A draining node hands its shards over first; longer than `SHARDMUX_CLUSTER_DRAIN_TIMEOUT_MS` and the workers' time to leave. */
const STOP_TIMEOUT_MS = 40_000;

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface NodePartOptions {
  /** `node-a` to `node-d`: its name in the cluster and in haproxy.cfg. */
  readonly name: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Where a CPU profile is written when it ends. */
  readonly profileDirectory?: string | null;
  /** It ended by itself. */
  readonly onFailure: (error: Error) => void;
}

export class NodePart {
  readonly name: string;
  readonly #options: NodePartOptions;
  #child: Child | undefined;

  constructor(options: NodePartOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** `undefined` while it is down. */
  get pid(): number | undefined {
    return this.#child?.isRunning ? this.#child.pid : undefined;
  }

  /** Starts the process and does not wait for anything. */
  spawn(): Child {
    const { name, port, settings, logPath, profileDirectory, onFailure } = this.#options;
    const profiling = profileDirectory ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`] : [];
    this.#child = new Child({
      name,
      command: process.execPath,
      args: [...profiling, '--import', PRELOAD, MAIN, 'gateway'],
      environment: environmentWith({ ...settings, SHARDMUX_WORKERS_PORT: String(port) }),
      logPath,
      onFailure,
    });
    return this.#child;
  }

  /** Resolves when it listens; its shards are on their way then. */
  async start(): Promise<void> {
    await this.spawn().line(fieldOf('listening', 'workersUrl'), 'listening', LISTENING_TIMEOUT_MS);
  }

  /** SIGTERM: it hands its shards over, and ends. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#child?.end(signal, STOP_TIMEOUT_MS);
  }

  /** Hangs until `resume`. */
  pause(): void {
    this.#child?.pause();
  }

  resume(): void {
    this.#child?.resume();
  }
}
