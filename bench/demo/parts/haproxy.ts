/** HAProxy with the product's haproxy.cfg, in the foreground, on ports and sockets of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from '../child.ts';

const CONFIG_PATH = fileURLToPath(new URL('../../../haproxy/haproxy.cfg', import.meta.url));
const PROGRAMS = [
  '/usr/sbin/haproxy',
  '/usr/local/sbin/haproxy',
  '/usr/bin/haproxy',
  '/usr/local/bin/haproxy',
];

const LISTENING_TIMEOUT_MS = 15_000;
const LOOK_EVERY_MS = 20;

export interface HaproxyOptions {
  /** For its sockets; short, because a socket's path is limited to about 100 bytes. */
  readonly directory: string;
  readonly workersPort: number;
  readonly observabilityPort: number;
  readonly nodePort: number;
  readonly onFailure: (error: Error) => void;
}

export class HaproxyPart {
  readonly socketPath: string;
  /** `http://host:port`, for workers. */
  readonly url: string;
  readonly #child: Child;

  /** Resolves when it listens. */
  static async start(options: HaproxyOptions): Promise<HaproxyPart> {
    const program = PROGRAMS.find(existsSync);
    if (program === undefined) {
      throw new Error(
        'HAProxy is not installed. `npm run demo` installs it on Debian and Ubuntu (sh scripts/setup.sh haproxy); elsewhere install the package "haproxy", then try again.',
      );
    }
    const part = new HaproxyPart(program, options);
    await part.#listening(`http://127.0.0.1:${options.observabilityPort}/healthz`);
    return part;
  }

  private constructor(program: string, options: HaproxyOptions) {
    this.socketPath = join(options.directory, 'stats.sock');
    this.url = `http://127.0.0.1:${options.workersPort}`;
    this.#child = new Child({
      name: 'HAProxy',
      command: program,
      args: ['-db', '-f', CONFIG_PATH],
      environment: environmentWith({
        HAPROXY_BIND: `127.0.0.1:${options.workersPort}`,
        HAPROXY_STATS_BIND: `127.0.0.1:${options.observabilityPort}`,
        HAPROXY_SOCKET: this.socketPath,
        HAPROXY_PEERS: `unix@${join(options.directory, 'peers.sock')}`,
        HAPROXY_NODE_A: `127.0.0.1:${options.nodePort}`,
        // Its default needs more file descriptors than some machines allow.
        HAPROXY_MAXCONN: '400',
      }),
      onFailure: options.onFailure,
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    // SIGTERM waits for connections, of which there are none any more that matter.
    await this.#child.end('SIGKILL');
  }

  async #listening(healthUrl: string): Promise<void> {
    const endsAt = performance.now() + LISTENING_TIMEOUT_MS;
    while (this.#child.isRunning && performance.now() < endsAt) {
      const isUp = await fetch(healthUrl).then(
        (response) => response.ok,
        () => false,
      );
      if (isUp) return;
      await sleep(LOOK_EVERY_MS);
    }
    throw this.#child.failure('did not listen');
  }
}
