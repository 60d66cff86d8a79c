/** A Redis of the benchmark's own, without anything on disk, and what it says of the memory that tails take. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { BenchProcess } from './processes.ts';

const PROGRAMS = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'];
const START_TIMEOUT_MS = 10_000;
const KEY_PREFIX = 'bench';
const CLUSTER_SECRET = 'nobody-else-is-in-this-benchmark-0000';

export interface RedisMemory {
  /** Of checkpoints and streams, allocator's rounding included. */
  readonly tailBytes: number;
  /** All of Redis. */
  readonly usedBytes: number;
}

export class BenchRedis implements AsyncDisposable {
  readonly process: BenchProcess;
  readonly #port: number;
  readonly #client: Redis;

  static async start(signal: AbortSignal): Promise<BenchRedis> {
    const program = PROGRAMS.find(existsSync);
    if (!program) throw new Error('redis-server is not installed: sh scripts/setup.sh redis-server');
    const port = await freePort();
    const server = new BenchProcess({
      name: 'redis',
      program,
      arguments: ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      environment: process.env,
      signal,
    });
    const isReady = (line: string) => (line.includes('Ready to accept connections') ? true : null);
    try {
      await server.line(isReady, 'line "Ready to accept connections"', START_TIMEOUT_MS);
      return new BenchRedis(server, port);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(server: BenchProcess, port: number) {
    this.process = server;
    this.#port = port;
    this.#client = new Redis({ host: '127.0.0.1', port, disableClientInfo: true });
    this.#client.on('error', () => undefined); // Its end is told by the process.
  }

  /** For shardmux. */
  get settings(): Readonly<Record<string, string>> {
    return {
      SHARDMUX_REDIS_HOSTS: `127.0.0.1:${this.#port}`,
      SHARDMUX_REDIS_KEY_PREFIX: KEY_PREFIX,
      SHARDMUX_CLUSTER_SECRET: CLUSTER_SECRET,
      SHARDMUX_CLUSTER_NODE_ID: 'bench-a',
    };
  }

  async memory(): Promise<RedisMemory> {
    const keys = [...(await this.#keys('checkpoint')), ...(await this.#keys('tail'))];
    const sizes = await Promise.all(keys.map((key) => this.#client.memory('USAGE', key, 'SAMPLES', 0)));
    const tailBytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    return { tailBytes, usedBytes: await this.#usedBytes() };
  }

  /** Chunks and bytes of the only shard's tail, as its writer counts them. */
  async tail(): Promise<{ readonly chunks: number; readonly bytes: number }> {
    const [[checkpoint], [stream]] = [await this.#keys('checkpoint'), await this.#keys('tail')];
    if (!checkpoint || !stream) return { chunks: 0, bytes: 0 };
    const bytes = await this.#client.hget(checkpoint, 'bytes');
    return { chunks: await this.#client.xlen(stream), bytes: Number(bytes) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.disconnect();
    await this.process[Symbol.asyncDispose]();
  }

  #keys(kind: 'checkpoint' | 'tail'): Promise<string[]> {
    return this.#client.keys(`${KEY_PREFIX}:*:${kind}:*`);
  }

  async #usedBytes(): Promise<number> {
    return Number(/^used_memory:(\d+)/m.exec(await this.#client.info('memory'))?.[1]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // An object, as it listens on TCP.
  await once(server.close(), 'close');
  return port;
}
