/** Redis, behind a proxy through which the nodes reach it: it can be stopped, hung, slowed down, and started with its data or without. */
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, environmentWith } from './child.ts';
import { DelayProxy } from './delay-proxy.ts';

const PROGRAMS = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'];

const LISTENING_TIMEOUT_MS = 15_000;
const LOOK_EVERY_MS = 20;

export interface RedisOptions {
  /** For its data; of its own. */
  readonly directory: string;
  /** Where the nodes reach it. */
  readonly port: number;
  /** Where it listens. */
  readonly innerPort: number;
  readonly onFailure: (error: Error) => void;
}

export class RedisPart {
  /** `host:port`, for the nodes. */
  readonly address: string;
  readonly #program: string;
  readonly #options: RedisOptions;
  readonly #proxy: DelayProxy;
  #child: Child | undefined;

  /** Resolves when it answers. */
  static async start(options: RedisOptions): Promise<RedisPart> {
    const program = PROGRAMS.find(existsSync);
    if (program === undefined) {
      throw new Error(
        'Redis is not installed. The npm scripts install it on Debian and Ubuntu (sh scripts/setup.sh redis-server); elsewhere install the package "redis-server", then try again.',
      );
    }
    const part = new RedisPart(program, options);
    await part.startAgain();
    return part;
  }

  private constructor(program: string, options: RedisOptions) {
    this.#program = program;
    this.#options = options;
    this.#proxy = new DelayProxy(options.port, options.innerPort);
    this.address = `127.0.0.1:${options.port}`;
  }

  get pid(): number | undefined {
    return this.#child?.isRunning ? this.#child.pid : undefined;
  }

  /** With the data it had, unless they were `forget`ten. */
  async startAgain(): Promise<void> {
    const { directory, innerPort, onFailure } = this.#options;
    const data = join(directory, 'data');
    mkdirSync(data, { recursive: true });
    this.#child = new Child({
      name: 'Redis',
      command: this.#program,
      args: [
        ...['--port', String(innerPort), '--bind', '127.0.0.1', '--dir', data],
        // All it was told is there after a restart, as far as it was written; no snapshots beside that.
        ...['--appendonly', 'yes', '--save', ''],
      ],
      environment: environmentWith({}),
      logPath: join(directory, 'log'),
      onFailure,
    });
    await this.#answering(this.#child);
    await this.#proxy.listen();
  }

  /** The data stay. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#child?.end(signal);
    await this.#proxy.close();
  }

  /** While it is stopped: the next start is an empty one. */
  forget(): void {
    rmSync(join(this.#options.directory, 'data'), { recursive: true, force: true });
  }

  /** What every request takes longer, until it is set to 0. Unit: ms. */
  setDelay(delayMs: number): void {
    this.#proxy.setDelay(delayMs);
  }

  /** Hangs until `resume`. */
  pause(): void {
    this.#child?.pause();
  }

  resume(): void {
    this.#child?.resume();
  }

  async #answering(child: Child): Promise<void> {
    const endsAt = performance.now() + LISTENING_TIMEOUT_MS;
    while (child.isRunning && performance.now() < endsAt) {
      if (await this.#answersPing()) return;
      await sleep(LOOK_EVERY_MS);
    }
    throw child.failure('did not answer');
  }

  /** "LOADING" is no answer: its data are not there yet. */
  async #answersPing(): Promise<boolean> {
    const socket = connect({ port: this.#options.innerPort, host: '127.0.0.1' });
    try {
      socket.write('PING\r\n');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString().startsWith('+PONG');
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}
