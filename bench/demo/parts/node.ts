/** The shardmux node: its process, which is restarted on the same port and with the same state directory. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from '../child.ts';
import { fieldOf, PRELOAD } from './simulator.ts';

const LISTENING_TIMEOUT_MS = 30_000;

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

export interface NodePartOptions {
  readonly token: string;
  readonly discordUrl: string;
  readonly port: number;
  readonly stateDirectory: string;
  readonly haproxySocket: string;
  readonly onFailure: (error: Error) => void;
}

export class NodePart {
  restarts = 0;
  readonly #options: NodePartOptions;
  #child: Child | undefined;

  constructor(options: NodePartOptions) {
    this.#options = options;
  }

  /** `undefined` while it is down. */
  get pid(): number | undefined {
    return this.#child?.isRunning ? this.#child.pid : undefined;
  }

  /** Resolves when it listens; its shards are on their way then. */
  async start(): Promise<void> {
    const { token, discordUrl, port, stateDirectory, haproxySocket, onFailure } = this.#options;
    this.#child = new Child({
      name: 'the node',
      command: process.execPath,
      args: ['--import', PRELOAD, MAIN, 'gateway'],
      environment: environmentWith({
        SHARDMUX_DISCORD_TOKEN: token,
        SHARDMUX_DISCORD_API_URL: `${discordUrl}/api/v10`,
        SHARDMUX_DISCORD_INTENTS: 'ALL',
        SHARDMUX_WORKERS_HOST: '127.0.0.1',
        SHARDMUX_WORKERS_PORT: String(port),
        SHARDMUX_STATUS_PORT: '0',
        SHARDMUX_TAIL_DIRECTORY: stateDirectory,
        SHARDMUX_HAPROXY_SOCKETS: haproxySocket,
      }),
      onFailure,
    });
    await this.#child.line(fieldOf('listening', 'workersUrl'), 'listening', LISTENING_TIMEOUT_MS);
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.restarts += 1;
    await this.stop(signal);
    await this.start();
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#child?.end(signal);
  }
}
