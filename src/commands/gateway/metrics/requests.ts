/** Metrics of workers' requests about guilds. */
import type { Metrics } from '../../../observability/index.ts';
import type { RequestCounts } from '../../../requests/index.ts';
import type { Application } from '../application.ts';
import { perShard, SHARD_LABELS } from './per-shard.ts';

export function registerRequests(metrics: Metrics, applications: readonly Application[]): void {
  const counter = (name: string, help: string, read: (counts: RequestCounts) => number) =>
    metrics.observedCounter({
      name,
      help,
      labels: SHARD_LABELS,
      collect: perShard(
        applications,
        (shard) => shard.requests?.counts,
        (counts) => read(counts),
      ),
    });
  metrics.observedGauge({
    name: 'shardmux_requests_waiting',
    help: 'Requests of workers for members, sounds or channel information that are not answered yet (limit: workers.maxQueuedCommandsPerShard).',
    labels: SHARD_LABELS,
    collect: perShard(
      applications,
      (shard) => shard.requests,
      ({ unanswered }) => unanswered,
    ),
  });
  counter(
    'shardmux_requests_asked_total',
    'Requests of workers for members, sounds or channel information.',
    ({ asked }) => asked,
  );
  counter(
    'shardmux_requests_from_memory_total',
    'Answers from memory; of a request for sounds one a guild.',
    ({ fromMemory }) => fromMemory,
  );
  counter('shardmux_requests_forwarded_total', 'Requests to Discord for them.', ({ forwarded }) => forwarded);
  counter(
    'shardmux_requests_coalesced_total',
    "Requests that another one's request to Discord does for.",
    ({ coalesced }) => coalesced,
  );
  counter(
    'shardmux_requests_rate_limited_total',
    'RATE_LIMITEDs from Discord, which are waited out.',
    ({ rateLimited }) => rateLimited,
  );
  counter(
    'shardmux_requests_unanswerable_total',
    "Requests that Discord would not answer, and was not asked: about guilds that are out or not the bot's, or not allowed by its intents.",
    ({ unanswerable }) => unanswerable,
  );
  counter(
    'shardmux_requests_dropped_total',
    'Requests that Discord did not answer, or not in full, or too often with RATE_LIMITED.',
    ({ dropped }) => dropped,
  );
}
