/** Nodes that are to be refused: each runs to its end, and what it said is looked at as an operator would. Not a test itself. */
import { expect } from 'vitest';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { type LogLine, spawnNode } from '../../support/node.ts';

/** No request leaves it: what is refused is refused before Discord is asked. */
export const NO_DISCORD = { url: 'http://127.0.0.1:1', options: { token: SIMULATOR_TOKEN } } as const;

export const CLUSTER_SECRET = 'secret-of-the-cluster-'.repeat(2);
export const SECRETS = {
  clusterSecret: CLUSTER_SECRET,
  otherClusterSecret: 'another-secret-of-a-cluster-'.repeat(2),
  sessionSecret: 'secret-of-the-sessions-'.repeat(2),
  redisPassword: 'password-of-redis',
  wrongRedisPassword: 'password-of-another-redis',
} as const;

/** From listening on: a lease that must lapse first, or signs of life of the other node, take no longer. */
const REFUSAL_LIMIT_MS = 6_000;

export interface Refusal {
  /** What the last line says. */
  readonly reason: string;
  readonly msg: string;
  /** All lines before that. */
  readonly before: readonly LogLine[];
}

export type Environment = Readonly<Record<string, string>>;

/** Settings of a node that would be fine with these hosts. */
export function clusterEnvironment(redisPort: number, nodeId: string): Environment {
  return {
    SHARDMUX_REDIS_HOSTS: `127.0.0.1:${redisPort}`,
    SHARDMUX_CLUSTER_NODE_ID: nodeId,
    SHARDMUX_CLUSTER_SECRET: CLUSTER_SECRET,
    SHARDMUX_CLUSTER_LEASE_TTL_MS: '2000',
    SHARDMUX_CLUSTER_RENEW_INTERVAL_MS: '500',
    SHARDMUX_DISCORD_SHARD_COUNT: '2',
  };
}

/** Resolves when the process has ended, with exit code 1 and one line that is more than information, in time. */
export async function refused(
  env: Environment,
  discord: Parameters<typeof spawnNode>[0]['discord'] = NO_DISCORD,
): Promise<Refusal> {
  await using node = spawnNode({ discord, env });
  const exitCode = await node.exited;
  expect({ exitCode, stderr: node.stderr }).toEqual({ exitCode: 1, stderr: '' });
  const lines = node.logs();
  const [beginMs = 0, endMs = 0] = [lines[0], lines.at(-1)].map((line) => Date.parse(String(line?.['time'])));
  expect(endMs - beginMs).toBeLessThan(REFUSAL_LIMIT_MS);
  expectNoSecrets(lines);
  expect(lines.filter(({ level }) => level !== 'info').length).toBe(1);
  const last = lines.at(-1);
  expect(last).toMatchObject({ level: 'fatal' });
  return { reason: String(last?.['reason']), msg: String(last?.msg), before: lines.slice(0, -1) };
}

export function expectNoSecrets(lines: readonly LogLine[]): void {
  const text = JSON.stringify(lines);
  for (const secret of [...Object.values(SECRETS), SIMULATOR_TOKEN]) expect(text).not.toContain(secret);
}
