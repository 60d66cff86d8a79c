/** What must hold between settings that are each right on their own. Pure. */
import type { ConfigTree } from './schema.ts';

type CrossCheck = {
  /** The settings it compares; the problem is told of the first. It is skipped where one of them is wrong by itself. */
  settings: readonly [string, ...string[]];
  holds(config: ConfigTree): boolean;
  wrong: string;
  remedy: string;
};

export const CROSS_CHECKS: readonly CrossCheck[] = [
  {
    settings: ['eventLog.maxBytesPerShard', 'eventLog.maxBytes'],
    holds: ({ eventLog }) => eventLog.maxBytesPerShard <= eventLog.maxBytes,
    wrong: 'is more than eventLog.maxBytes, which is the limit of all shards together',
    remedy: 'Lower it, or raise eventLog.maxBytes.',
  },
  {
    settings: ['tail.flushBytes', 'tail.maxBytesPerShard'],
    holds: ({ tail }) => tail.flushBytes < tail.maxBytesPerShard,
    wrong: 'is not less than tail.maxBytesPerShard: a single write would fill the tail',
    remedy: 'Lower it, or raise tail.maxBytesPerShard.',
  },
  {
    settings: ['tail.flushIntervalMs', 'tail.maxAgeMs'],
    holds: ({ tail }) => tail.flushIntervalMs < tail.maxAgeMs,
    wrong: 'is not less than tail.maxAgeMs: dispatches would be too old before they are written',
    remedy: 'Lower it, or raise tail.maxAgeMs.',
  },
  {
    settings: ['status.port', 'workers.port', 'status.host', 'workers.host'],
    holds: ({ status, workers }) =>
      status.port !== workers.port || status.port === 0 || !overlap(status.host, workers.host),
    wrong: 'is the same as workers.port',
    remedy: 'Give one of them another port.',
  },
];

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function overlap(left: string, right: string): boolean {
  return left === right || ANY_ADDRESS.has(left) || ANY_ADDRESS.has(right);
}
