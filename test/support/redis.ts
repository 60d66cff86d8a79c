/**
 * Real Redis processes on ports of the system's choice (several that belong together: redis-groups.ts). Nothing is kept on disk
 * unless asked for, and everything ends with its disposal.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { endsWithUs } from './ends-with-us.ts';
import { eventually } from './eventually.ts';
import { makeCertificates, type TestCertificates } from './redis-certificates.ts';

export const HOST = '127.0.0.1';

export const START_DEADLINE_MS = 10_000;

/** Another process may take a port between our choice and Redis' bind; then we choose again. */
const MAX_START_ATTEMPTS = 5;

/** A cluster node needs a second port, this far above its own; those of the system's choice are mostly too high for that. */
const CLUSTER_BUS_OFFSET = 10_000;

export interface RedisOptions {
  /** Of the default user. */
  readonly password?: string;
  /** Rules for `ACL SETUSER`, by user (`on >secret ~key:* +get`). */
  readonly users?: Readonly<Record<string, string>>;
  /** TLS only, with certificates of its own. `clientCertificate`: wants one. */
  readonly tls?: { readonly wantsClientCertificate: boolean };
  /** More directives of redis.conf: name and value. */
  readonly directives?: Readonly<Record<string, string>>;
  /** Keeps every write on disk, for `restart({ empty: false })`. */
  readonly isPersistent?: boolean;
}

export interface RedisServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly address: { readonly host: string; readonly port: number };
  readonly pid: number;
  /** With `tls`. */
  readonly certificates: TestCertificates | undefined;
  /** Everything that its processes printed. */
  readonly output: string;
  /** One command, as the default user, over a connection of its own. */
  command(...command: readonly string[]): Promise<unknown>;
  /** Ends it in order, or at once (`kill`), and waits for that. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Starts again on the same port what was stopped or killed. */
  start(options?: { readonly empty: boolean }): Promise<void>;
  /** `kill` and `start`. Empty unless said otherwise. */
  restart(options?: { readonly empty: boolean }): Promise<void>;
  /** SIGSTOP until `resume`. */
  pause(): void;
  resume(): void;
}

/** Starts one and resolves when it answers. @throws {Error} with what it printed. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return startServer(options, 'redis', []);
}

/** `lines`: more of the configuration, as they are. */
export async function startServer(
  options: RedisOptions,
  kind: 'redis' | 'sentinel',
  lines: readonly string[],
): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), 'shardmux-redis-'));
    const port = await freePort('cluster-enabled' in (options.directives ?? {}));
    const server = new RunningRedis(options, kind, directory, port, lines);
    try {
      await server.prepare();
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      if (!/Address already in use/.test(server.output) || attempt === MAX_START_ATTEMPTS) throw error;
    }
  }
}

class RunningRedis implements RedisServer {
  readonly host = HOST;
  readonly port: number;
  readonly #options: RedisOptions;
  readonly #kind: 'redis' | 'sentinel';
  readonly #directory: string;
  readonly #lines: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';
  certificates: TestCertificates | undefined;

  constructor(
    options: RedisOptions,
    kind: 'redis' | 'sentinel',
    directory: string,
    port: number,
    lines: readonly string[],
  ) {
    this.#options = options;
    this.#kind = kind;
    this.#directory = directory;
    this.port = port;
    this.#lines = lines;
  }

  get address() {
    return { host: this.host, port: this.port };
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('Redis is not running');
    return this.#child.pid;
  }

  get output(): string {
    return this.#output;
  }

  async prepare(): Promise<void> {
    if (this.#options.tls) this.certificates = await makeCertificates(this.#directory);
    await writeFile(join(this.#directory, 'redis.conf'), this.#configuration().join('\n'));
  }

  async start({ empty }: { readonly empty: boolean } = { empty: true }): Promise<void> {
    if (empty && this.#kind === 'redis') await this.#removeData();
    const mode = this.#kind === 'sentinel' ? ['--sentinel'] : [];
    const child = spawn('redis-server', [join(this.#directory, 'redis.conf'), ...mode], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.#directory,
    });
    this.#child = child;
    endsWithUs(child);
    const keep = (chunk: Buffer) => {
      this.#output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('close', () => {
      if (this.#child === child) this.#child = undefined;
    });
    child.once('error', (error) => keep(Buffer.from(`${error}\n`)));
    await eventually(async () => {
      if (!this.#child) return new Error(`Redis ended while starting:\n${this.#output}`);
      return (await this.command('PING')) === 'PONG';
    }, START_DEADLINE_MS).then((outcome) => {
      if (outcome instanceof Error) throw outcome;
    });
  }

  async command(...[name = '', ...args]: readonly string[]): Promise<unknown> {
    const client = new Redis({
      ...this.address,
      lazyConnect: true,
      retryStrategy: null,
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: 1_000,
      commandTimeout: 5_000,
      ...(this.#options.password !== undefined && { password: this.#options.password }),
      ...(this.certificates && {
        tls: { ca: this.certificates.ca, cert: this.certificates.cert, key: this.certificates.key },
      }),
    });
    let failure: Error | undefined;
    client.on('error', (error) => {
      failure ??= error;
    });
    try {
      await client.connect();
      return await client.call(name, args);
    } catch (error) {
      throw failure ?? error;
    } finally {
      client.disconnect();
    }
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async restart(options: { readonly empty: boolean } = { empty: true }): Promise<void> {
    await this.kill();
    await this.start(options);
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const closed = once(child, 'close');
    child.kill(signal);
    // One that is stopped does not see a SIGTERM.
    child.kill('SIGCONT');
    await closed;
  }

  async #removeData(): Promise<void> {
    await rm(join(this.#directory, 'appendonlydir'), { recursive: true, force: true });
    await rm(join(this.#directory, 'dump.rdb'), { force: true });
  }

  #configuration(): string[] {
    const { password, users = {}, directives = {}, tls, isPersistent } = this.#options;
    const ports = this.certificates
      ? [
          'port 0',
          `tls-port ${this.port}`,
          ...this.certificates.directives,
          `tls-auth-clients ${tls?.wantsClientCertificate ? 'yes' : 'no'}`,
        ]
      : [`port ${this.port}`];
    const persistence = isPersistent ? ['appendonly yes', 'appendfsync always'] : ['appendonly no'];
    return [
      ...ports,
      `bind ${HOST}`,
      `dir ${this.#directory}`,
      'loglevel notice',
      ...(this.#kind === 'redis' ? ['save ""', 'enable-debug-command yes', ...persistence] : []),
      ...(password === undefined ? [] : [`requirepass ${password}`]),
      ...Object.entries(users).map(([user, rules]) => `user ${user} ${rules}`),
      ...Object.entries(directives).map(([name, value]) => `${name} ${value}`),
      ...this.#lines,
      '',
    ];
  }
}

/** A port that was free a moment ago. */
async function freePort(needsBus: boolean): Promise<number> {
  for (;;) {
    const wanted = needsBus ? 20_000 + Math.floor(Math.random() * 10_000) : 0;
    const port = await listenOnce(wanted);
    const isFree =
      port !== undefined && (!needsBus || (await listenOnce(port + CLUSTER_BUS_OFFSET)) !== undefined);
    if (isFree) return port;
  }
}

async function listenOnce(wanted: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(wanted, HOST);
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  const { port } = server.address() as { port: number }; // TCP: always an AddressInfo
  await once(server.close(), 'close');
  return port;
}
