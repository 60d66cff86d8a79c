import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { OpenTail } from '../../../src/cluster/index.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { DEFAULTS, newNode } from './cluster-environment.ts';
import { redisEnvironment } from './redis-environment.ts';

const MAX_TAIL_BYTES = 4 * 1024 * 1024;

/** Beside the tail Redis keeps what it has read of a command, which has a chunk in it. */
const buffersFor = (chunkBytes: number) => 64 * 1024 + 3 * chunkBytes;

async function usedBytes(redis: RedisServer): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(String(await redis.command('INFO', 'memory')))?.[1]);
}

/** Of the checkpoint and the chunks, as MEMORY USAGE reckons it, which is more than they take. */
async function keyBytes(redis: RedisServer): Promise<number> {
  let bytes = 0;
  for (const kind of ['checkpoint', 'tail']) {
    const [key = ''] = (await redis.command('KEYS', `*:${kind}:*`)) as string[];
    bytes += Number(await redis.command('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
  }
  return bytes;
}

/** Three times what fits; sizes vary, as those of compressed chunks do: evenly, each by the golden ratio after the one before. */
async function overfill(tail: OpenTail, chunkBytes: number): Promise<void> {
  const base = { sequence: 0, state: {} };
  await tail.begin(base);
  for (let sequence = 0, bytes = 0; bytes < 3 * MAX_TAIL_BYTES; sequence++) {
    const compressed = randomBytes(Math.floor(chunkBytes * (0.7 + 0.6 * ((sequence * 0.618034) % 1))));
    bytes += compressed.length;
    const chunk = {
      afterSequence: sequence,
      lastSequence: sequence + 1,
      writtenAtMs: Date.now(),
      compressed,
    };
    await tail.append(chunk, () => base);
  }
}

it.each([
  700, 2_100, 17_000, 230_000,
])("a tail of chunks of %i bytes stays inside its bound of Redis' memory, and fills it", async (chunkBytes) => {
  await using redis = await startRedis();
  await using environment = await redisEnvironment(redis, { ...DEFAULTS, maxTailBytes: MAX_TAIL_BYTES });
  const { membership } = await newNode(environment, 'node-a');
  const [lease] = await membership.acquire([0], { mayTakeLapsed: true });
  await using tail = membership.openTail(0, lease!.epoch);
  const before = await usedBytes(redis);
  await overfill(tail, chunkBytes);
  const grown = (await usedBytes(redis)) - before;
  expect(tail.bytes).toBeLessThanOrEqual(MAX_TAIL_BYTES);
  expect(grown).toBeLessThanOrEqual(MAX_TAIL_BYTES + buffersFor(chunkBytes));
  const inKeys = await keyBytes(redis);
  expect(inKeys).toBeLessThanOrEqual(MAX_TAIL_BYTES);
  expect(inKeys).toBeGreaterThan(MAX_TAIL_BYTES * 0.8);
});
