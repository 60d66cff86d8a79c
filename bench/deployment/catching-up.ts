/** When all that Discord has sent has reached the workers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShardTruth } from '../../src/simulator/index.ts';
import type { Deployment } from './deployment.ts';
import { lastForWorkers } from './judge.ts';

/** All dispatches of a moment reached the workers this soon: then they are abreast and not still replaying. */
const ABREAST_MS = 300;

const LOOK_EVERY_MS = 10;
const LOOK_AT_DISCORD_EVERY_MS = 50;

type Parts = Pick<Deployment, 'simulator' | 'workers'>;

/** Resolves when it is so. @throws {Error} where that takes longer. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs: number,
  lookEveryMs = LOOK_EVERY_MS,
): Promise<void> {
  const endsAt = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await sleep(lookEveryMs);
  }
}

/** Resolves when each shard has a connection with Discord, and all its guilds. */
export async function connectedToDiscord({ simulator }: Parts, timeoutMs: number): Promise<void> {
  const areConnected = async () => {
    const { sessions } = await simulator.stats();
    return sessions.every((session) => session?.connected && session.pendingGuilds === 0);
  };
  await until('all shards are connected to Discord', areConnected, timeoutMs, LOOK_AT_DISCORD_EVERY_MS);
}

/** Resolves when the workers have all that was sent a moment ago, for every shard. */
export async function caughtUp(parts: Parts, timeoutMs: number): Promise<void> {
  for (let isAbreast = false; !isAbreast; ) {
    const { sessions } = await parts.simulator.stats();
    const sequences = sessions.map((session) => session?.sequence ?? 0);
    const startedAt = performance.now();
    await until('all shards have caught up', () => haveReached(parts, sequences), timeoutMs);
    isAbreast = performance.now() - startedAt <= ABREAST_MS;
  }
}

/** Stops the events, waits for the last ones, and resolves with all that was sent, by shard. */
export async function lastOnes(parts: Parts, timeoutMs: number): Promise<ShardTruth[]> {
  await parts.simulator.setRate(0);
  const { sessions } = await parts.simulator.stats();
  const truths = await Promise.all(sessions.map((_, shard) => parts.simulator.truth(shard)));
  const last = truths.map(lastForWorkers);
  // Where some never come, the verdict says so better than an error does.
  await until('the last dispatches are there', () => haveReached(parts, last), timeoutMs).catch(
    () => undefined,
  );
  return truths;
}

function haveReached({ workers }: Parts, sequences: readonly number[]): boolean {
  const { records } = workers;
  return sequences.every((sequence, shard) => (records[shard]?.head ?? 0) >= sequence);
}
