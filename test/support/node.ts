/**
 * A real `shardmux gateway` process on ports of the system's choice. Started when it listens; a node that does not get that
 * far rejects with what it said.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endsWithUs } from './ends-with-us.ts';
import { eventually } from './eventually.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface NodeOptions {
  /** What stands for Discord: a `Simulator`, or whatever has these. */
  readonly discord: { readonly url: string; readonly options: { readonly token: string } };
  /** Where tails and checkpoints go; left out, a temporary directory that goes with the node. */
  readonly directory?: string;
  /** Settings (`SHARDMUX_…`) on top of those above and below. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A directory that several nodes use one after the other. */
export interface StateDirectory extends Disposable {
  readonly path: string;
}

export function stateDirectory(): StateDirectory {
  const path = mkdtempSync(join(tmpdir(), 'shardmux-state-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The process as soon as it is spawned, listening or not. */
export function spawnNode({ discord, directory, env }: NodeOptions): NodeProcess {
  const own = directory === undefined ? stateDirectory() : undefined;
  const child = spawn(process.execPath, [MAIN, 'gateway'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      SHARDMUX_DISCORD_TOKEN: discord.options.token,
      SHARDMUX_DISCORD_API_URL: `${discord.url}/api/v10`,
      SHARDMUX_DISCORD_INTENTS: 'ALL',
      SHARDMUX_WORKERS_HOST: '127.0.0.1',
      SHARDMUX_WORKERS_PORT: '0',
      SHARDMUX_STATUS_PORT: '0',
      SHARDMUX_TAIL_DIRECTORY: own?.path ?? directory ?? '',
      // Most tests are about dispatches, and count from READY on; those of guilds say so.
      SHARDMUX_GUILDS_STATE: 'off',
      ...env,
    },
  });
  return new NodeProcess(child, own);
}

/** A node that listens; its shards may still be on their way (see `ready`). */
export async function startNode(options: NodeOptions): Promise<NodeProcess> {
  const node = spawnNode(options);
  try {
    await node.listening();
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}

export class NodeProcess implements AsyncDisposable {
  /** Resolves with the exit code, or with null where a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #ownDirectory: StateDirectory | undefined;
  readonly #logs: LogLine[] = [];
  #errors = '';
  #hasEnded = false;
  #urls: { workersUrl: string; statusUrl: string } | undefined;

  constructor(child: ChildProcess, ownDirectory: StateDirectory | undefined) {
    this.#child = child;
    this.#ownDirectory = ownDirectory;
    // Present, because both were asked for as pipes.
    createInterface({ input: child.stdout! }).on('line', (line) => this.#onLine(line));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    endsWithUs(child);
    this.exited = new Promise((resolve) => {
      child.once('close', (code) => {
        this.#hasEnded = true;
        resolve(code);
      });
    });
  }

  /** `ws://host:port` */
  get workersUrl(): string {
    return this.#listening.workersUrl;
  }

  /** `http://host:port` */
  get statusUrl(): string {
    return this.#listening.statusUrl;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async listening(): Promise<this> {
    await eventually(() => {
      if (this.#urls) return true;
      if (this.#hasEnded) return true;
      return undefined;
    }, 20_000);
    if (!this.#urls) throw new Error(`the node ended:\n${this.#errors}${JSON.stringify(this.#logs)}`);
    return this;
  }

  /** Resolves when every shard is connected. */
  async ready(deadlineMs = 15_000): Promise<this> {
    await eventually(async () => {
      const { status, body } = await this.readyz();
      if (status !== 200)
        throw new Error(`not ready: ${JSON.stringify(body)}; ${JSON.stringify(this.#logs)}`);
      return true;
    }, deadlineMs);
    return this;
  }

  /** Every line so far. */
  logs(): readonly LogLine[] {
    return this.#logs;
  }

  get stderr(): string {
    return this.#errors;
  }

  /** A line with this message, once there is one. */
  logged(msg: string | RegExp, deadlineMs = 10_000): Promise<LogLine> {
    return eventually(
      () =>
        this.#logs.find((line) => (typeof msg === 'string' ? line.msg === msg : msg.test(line.msg))) ??
        this.#missing(msg),
      deadlineMs,
    );
  }

  async readyz(): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.statusUrl}/readyz`);
    return { status: response.status, body: await response.json() };
  }

  async healthz(): Promise<number> {
    return (await fetch(`${this.statusUrl}/healthz`)).status;
  }

  /** The Prometheus exposition. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.statusUrl}/metrics`)).text();
  }

  /** The sum of a metric's series that have these labels; `undefined` where there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const values = (await this.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .filter((line) => wanted.every((pair) => line.includes(pair)))
      .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP until `resume`. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) await this.kill();
    this.#ownDirectory?.[Symbol.dispose]();
  }

  get #listening(): { workersUrl: string; statusUrl: string } {
    if (!this.#urls) throw new Error('the node does not listen yet');
    return this.#urls;
  }

  #onLine(line: string): void {
    const parsed = JSON.parse(line) as LogLine;
    this.#logs.push(parsed);
    const { msg, workersUrl, statusUrl } = parsed;
    if (msg === 'listening') this.#urls = { workersUrl: String(workersUrl), statusUrl: String(statusUrl) };
  }

  #missing(msg: string | RegExp): never {
    throw new Error(`no line ${String(msg)} in ${JSON.stringify(this.#logs, undefined, 1)}\n${this.#errors}`);
  }
}
