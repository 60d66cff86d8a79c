/** HAProxy with the product's haproxy.cfg, in the foreground, on ports and sockets of its own. It can be killed, reloaded and hung. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runRuntimeCommand } from '../../src/routing/runtime-client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Child, environmentWith } from './child.ts';

const CONFIG_PATH = fileURLToPath(new URL('../../haproxy/haproxy.cfg', import.meta.url));
const PROGRAMS = [
  '/usr/sbin/haproxy',
  '/usr/local/sbin/haproxy',
  '/usr/bin/haproxy',
  '/usr/local/bin/haproxy',
];

/** Its own default needs more file descriptors than some machines allow. */
const MAX_CONNECTIONS = 400;

const LISTENING_TIMEOUT_MS = 15_000;
const LOOK_EVERY_MS = 20;
const COMMAND_TIMEOUT_MS = 2_000;

export interface HaproxyOptions {
  readonly name: string;
  /** For its sockets; of its own, and short, because a socket's path is limited to about 100 bytes. */
  readonly directory: string;
  readonly workersPort: number;
  readonly observabilityPort: number;
  /** Where node-a, node-b, … listen, in order. */
  readonly nodePorts: readonly number[];
  /** Where rest-a, rest-b, … listen, in order; without any REST is not taken. */
  readonly restPorts?: readonly number[];
  /** Of clients, at a time. */
  readonly maxConnections?: number;
  readonly onFailure: (error: Error) => void;
}

export class HaproxyPart {
  readonly socketPath: string;
  /** `http://host:port`, for workers: their gateway, and their REST requests. */
  readonly url: string;
  readonly #program: string;
  readonly #options: HaproxyOptions;
  /** The one that listens. */
  #child: Child;
  /** Ended their listening at a reload, and still carry connections. */
  readonly #former = new Set<Child>();

  /** Resolves when it listens. */
  static async start(options: HaproxyOptions): Promise<HaproxyPart> {
    const program = PROGRAMS.find(existsSync);
    if (program === undefined) {
      throw new Error(
        'HAProxy is not installed. The npm scripts install it on Debian and Ubuntu (sh scripts/setup.sh haproxy); elsewhere install the package "haproxy", then try again.',
      );
    }
    const part = new HaproxyPart(program, options);
    await part.#listening();
    return part;
  }

  private constructor(program: string, options: HaproxyOptions) {
    this.#program = program;
    this.#options = options;
    this.socketPath = join(options.directory, 'stats.sock');
    this.url = `http://127.0.0.1:${options.workersPort}`;
    this.#child = this.#spawn([]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** One command of the Runtime API. */
  command(line: string): Promise<string> {
    return runRuntimeCommand(this.socketPath, line, { clock: systemClock, timeoutMs: COMMAND_TIMEOUT_MS });
  }

  /** By shard: the server that its stick table names. Shards that were not taught are missing. */
  async taughtServers(): Promise<ReadonlyMap<number, number>> {
    const table = await this.command('show table gateway');
    const entries = table.matchAll(/ key=(\d+) .*server_id=(\d+)/g);
    return new Map(Array.from(entries, ([, shard, server]) => [Number(shard), Number(server)]));
  }

  /** SIGKILL to all its processes: every connection through it breaks. */
  async kill(): Promise<void> {
    // SIGTERM would wait for the connections.
    await Promise.all([this.#child, ...this.#former].map((child) => child.end('SIGKILL')));
    this.#former.clear();
  }

  /** On the same addresses after `kill`, with an empty table. */
  async startAgain(): Promise<void> {
    this.#child = this.#spawn([]);
    await this.#listening();
  }

  /** A new process takes the listeners over; the old one keeps its connections until they end. */
  async reload(): Promise<void> {
    const old = this.#child;
    old.expectEnd();
    this.#former.add(old);
    void old.ended.then(() => this.#former.delete(old));
    this.#child = this.#spawn(['-x', this.socketPath, '-sf', String(old.pid)]);
    await this.#listening();
  }

  /** Hangs, with all that older processes of it still carry, until `resume`. */
  pause(): void {
    for (const child of [this.#child, ...this.#former]) child.pause();
  }

  resume(): void {
    for (const child of [this.#child, ...this.#former]) child.resume();
  }

  #spawn(moreArgs: readonly string[]): Child {
    const { name, directory, workersPort, observabilityPort, nodePorts, onFailure } = this.#options;
    const { restPorts = [], maxConnections = MAX_CONNECTIONS } = this.#options;
    const nodes = nodePorts.map((port, index) => [`HAPROXY_NODE_${'ABCD'[index]}`, `127.0.0.1:${port}`]);
    const restNodes = restPorts.map((port, index) => [
      `HAPROXY_REST_${'ABCDEFGH'[index]}`,
      `127.0.0.1:${port}`,
    ]);
    return new Child({
      name,
      command: this.#program,
      args: ['-db', '-f', CONFIG_PATH, ...moreArgs],
      environment: environmentWith({
        HAPROXY_BIND: `127.0.0.1:${workersPort}`,
        HAPROXY_STATS_BIND: `127.0.0.1:${observabilityPort}`,
        HAPROXY_SOCKET: this.socketPath,
        HAPROXY_PEERS: `unix@${join(directory, 'peers.sock')}`,
        ...Object.fromEntries([...nodes, ...restNodes]),
        HAPROXY_MAXCONN: String(maxConnections),
      }),
      logPath: join(directory, 'log'),
      onFailure,
    });
  }

  /** The process that answers is the one that was started last. */
  async #listening(): Promise<void> {
    const child = this.#child;
    const endsAt = performance.now() + LISTENING_TIMEOUT_MS;
    while (child.isRunning && performance.now() < endsAt) {
      const info = await this.command('show info').catch(() => '');
      if (info.includes(`\nPid: ${child.pid}\n`)) return;
      await sleep(LOOK_EVERY_MS);
    }
    throw child.failure('did not listen');
  }
}
