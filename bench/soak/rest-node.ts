/** A `shardmux rest` process, which keeps its name, its port and its state over restarts. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from '../deployment/child.ts';
import { fieldOf, PRELOAD } from '../deployment/simulator.ts';

const LISTENING_TIMEOUT_MS = 30_000;

/** It must not wait for requests that nobody wants any more. */
const STOP_TIMEOUT_MS = 1_000;

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface RestNodeOptions {
  readonly name: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** It ended by itself. */
  readonly onFailure: (error: Error) => void;
}

export class RestNode {
  readonly name: string;
  readonly port: number;
  readonly #options: RestNodeOptions;
  #child: Child | undefined;

  constructor(options: RestNodeOptions) {
    this.name = options.name;
    this.port = options.port;
    this.#options = options;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { name, port, settings, logPath, onFailure } = this.#options;
    this.#child = new Child({
      name,
      command: process.execPath,
      args: ['--import', PRELOAD, MAIN, 'rest'],
      environment: environmentWith({ ...settings, SHARDMUX_REST_PORT: String(port) }),
      logPath,
      onFailure,
    });
    await this.#child.line(fieldOf('listening', 'restUrl'), 'listening', LISTENING_TIMEOUT_MS);
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#child?.end('SIGTERM', STOP_TIMEOUT_MS);
  }
}
