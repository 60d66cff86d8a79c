/**
 * Runs the real HAProxy with the real haproxy/haproxy.cfg, in the foreground, on ports and sockets of its own. Several run
 * side by side, as root or not.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runRuntimeCommand } from '../../src/routing/runtime-client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { endsWithUs } from './ends-with-us.ts';
import { eventually } from './eventually.ts';

const CONFIG_PATH = fileURLToPath(new URL('../../haproxy/haproxy.cfg', import.meta.url));

/** Another process may take a port between our choice and HAProxy's bind; then we choose again. */
const MAX_START_ATTEMPTS = 5;

const START_DEADLINE_MS = 10_000;

/** Nothing listens there. */
const NOBODY_PORT = 1;

export interface HaproxyOptions {
  /** Where node-a listens for workers. Left out, no gateway node is up. */
  readonly nodeHost?: string;
  readonly nodePort?: number;
  /** REST nodes (`host:port`), in order: rest-a to rest-h. */
  readonly restNodes?: readonly string[];
  /** More nodes (`host:port`), in order: node-b to node-h. */
  readonly moreNodes?: readonly string[];
  /** Any other variable of haproxy.cfg. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Another configuration than haproxy/haproxy.cfg; it must use the same variables, or those of haproxy/egress.cfg. */
  readonly configPath?: string;
}

export interface Haproxy extends AsyncDisposable {
  /** `ws://host:port` without a path. */
  readonly workersUrl: string;
  /** `http://host:port` without a path: where workers send REST requests. */
  readonly restUrl: string;
  /** `http://host:port` of /metrics, /stats and /healthz. */
  readonly observabilityUrl: string;
  /** The stats socket that nodes teach it over. */
  readonly socketPath: string;
  /** The process that listens now. */
  readonly pid: number;
  /** Everything that its processes printed. */
  readonly output: string;
  /** One command of the Runtime API. */
  command(line: string): Promise<string>;
  /** Hands over to a new process as a reload does: the old one keeps its tunnels and its listeners move. */
  reload(): Promise<void>;
  /** SIGKILL, and a new, empty process on the same addresses. */
  restart(): Promise<void>;
  /** Ends every process at once (SIGKILL) and waits for that. */
  kill(): Promise<void>;
  /** Stops the listening process (SIGSTOP) until `resume`. */
  pause(): void;
  resume(): void;
}

/** The program: `HAPROXY_PROGRAM`, or the first that is installed. */
export function haproxyProgram(): string {
  const chosen = process.env['HAPROXY_PROGRAM'];
  if (chosen !== undefined) return chosen;
  return ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy'].find(existsSync) ?? 'haproxy';
}

/** Starts one and resolves when it listens. @throws {Error} with what it printed when it doesn't start. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  for (let attempt = 1; ; attempt += 1) {
    const haproxy = new RunningHaproxy(
      options,
      await mkdtemp(join(tmpdir(), 'shardmux-haproxy-')),
      await freePorts(2),
    );
    try {
      await haproxy.start([]);
      return haproxy;
    } catch (error) {
      await haproxy[Symbol.asyncDispose]();
      const portWasTaken = /cannot bind socket/i.test(haproxy.output);
      if (!portWasTaken || attempt === MAX_START_ATTEMPTS) throw error;
    }
  }
}

class RunningHaproxy implements Haproxy {
  readonly workersUrl: string;
  readonly restUrl: string;
  readonly observabilityUrl: string;
  readonly socketPath: string;
  readonly #directory: string;
  readonly #configPath: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #processes = new Set<ChildProcess>();
  #current: ChildProcess | undefined;
  #output = '';

  constructor(options: HaproxyOptions, directory: string, ports: readonly number[]) {
    const [workersPort, observabilityPort] = ports;
    this.workersUrl = `ws://127.0.0.1:${workersPort}`;
    this.restUrl = `http://127.0.0.1:${workersPort}`;
    this.observabilityUrl = `http://127.0.0.1:${observabilityPort}`;
    this.socketPath = join(directory, 'stats.sock');
    this.#directory = directory;
    this.#configPath = options.configPath ?? CONFIG_PATH;
    const { nodeHost = '127.0.0.1', nodePort = NOBODY_PORT, moreNodes = [], restNodes = [] } = options;
    this.#environment = {
      PATH: process.env['PATH'],
      HAPROXY_BIND: `127.0.0.1:${workersPort}`,
      HAPROXY_STATS_BIND: `127.0.0.1:${observabilityPort}`,
      HAPROXY_SOCKET: this.socketPath,
      HAPROXY_PEERS: `unix@${join(directory, 'peers.sock')}`,
      // Of haproxy/egress.cfg.
      HAPROXY_EGRESS_BIND: `127.0.0.1:${workersPort}`,
      HAPROXY_EGRESS_STATS_BIND: `127.0.0.1:${observabilityPort}`,
      HAPROXY_EGRESS_SOCKET: this.socketPath,
      HAPROXY_EGRESS_MAXCONN: '1000',
      HAPROXY_MAXCONN: '1000',
      ...numbered('HAPROXY_NODE', [`${nodeHost}:${nodePort}`, ...moreNodes]),
      ...numbered('HAPROXY_REST', restNodes),
      ...options.environment,
    };
  }

  get pid(): number {
    const pid = this.#current?.pid;
    if (pid === undefined) throw new Error('HAProxy is not running');
    return pid;
  }

  get output(): string {
    return this.#output;
  }

  command(line: string): Promise<string> {
    return runRuntimeCommand(this.socketPath, line, { clock: systemClock, timeoutMs: 5_000 });
  }

  async start(extraArguments: readonly string[]): Promise<void> {
    const child = spawn(haproxyProgram(), ['-db', '-f', this.#configPath, ...extraArguments], {
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endsWithUs(child);
    this.#processes.add(child);
    this.#current = child;
    const keepOutput = (chunk: Buffer) => {
      this.#output += chunk.toString();
    };
    child.stdout.on('data', keepOutput);
    child.stderr.on('data', keepOutput);
    child.on('error', (error) => {
      keepOutput(Buffer.from(`${error}\n`));
      this.#processes.delete(child);
    });
    child.on('close', () => this.#processes.delete(child));
    await this.#listening(child);
  }

  /** Listening means: the process that answers on the socket is the one that was started. */
  async #listening(child: ChildProcess): Promise<void> {
    const failed = new AbortController();
    const onClose = () => failed.abort(new Error(`HAProxy ended while starting:\n${this.#output}`));
    child.once('close', onClose);
    child.once('error', onClose);
    const answers = eventually(async () => {
      if (failed.signal.aborted) return failed;
      const isUp = (await this.command('show info')).includes(`\nPid: ${child.pid}\n`);
      if (!isUp) throw new Error('another process answers');
      return true;
    }, START_DEADLINE_MS);
    await answers.catch((cause) => {
      throw new Error(`HAProxy did not start within ${START_DEADLINE_MS} ms:\n${this.#output}`, { cause });
    });
    child.off('close', onClose);
    child.off('error', onClose);
    failed.signal.throwIfAborted();
  }

  async reload(): Promise<void> {
    await this.start(['-x', this.socketPath, '-sf', String(this.pid)]);
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start([]);
  }

  async kill(): Promise<void> {
    await Promise.all(
      [...this.#processes].map(async (child) => {
        const closed = once(child, 'close');
        child.kill('SIGKILL');
        await closed;
      }),
    );
    this.#current = undefined;
  }

  pause(): void {
    this.#current?.kill('SIGSTOP');
  }

  resume(): void {
    this.#current?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** `PREFIX_A`, `PREFIX_B` and so on. */
function numbered(prefix: string, addresses: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    addresses.map((address, index) => [`${prefix}_${String.fromCharCode(65 + index)}`, address]),
  );
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port); // TCP: always an AddressInfo
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
