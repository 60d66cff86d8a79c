/** Metrics of guild state. */
import type { SnapshotCounts } from '../../../guilds/index.ts';
import type { Metrics } from '../../../observability/index.ts';
import type { Application } from '../application.ts';
import { perShard, SHARD_LABELS } from './per-shard.ts';

export function registerGuilds(metrics: Metrics, applications: readonly Application[]): void {
  const reading = (read: (counts: SnapshotCounts) => number) =>
    perShard(
      applications,
      (shard) => shard.guilds?.counts,
      (counts) => read(counts),
    );
  const gauge = (name: string, help: string, read: (counts: SnapshotCounts) => number) =>
    metrics.observedGauge({ name, help, labels: SHARD_LABELS, collect: reading(read) });
  const counter = (name: string, help: string, read: (counts: SnapshotCounts) => number) =>
    metrics.observedCounter({ name, help, labels: SHARD_LABELS, collect: reading(read) });

  gauge(
    'shardmux_guilds_bytes',
    'Memory of the guilds of a shard, compressed, and of what has yet to be merged into them (limit: guilds.maxBytesPerShard).',
    ({ bodyBytes, pendingBytes }) => bodyBytes + pendingBytes,
  );
  gauge(
    'shardmux_guilds_pending_bytes',
    'Of these, what has yet to be merged.',
    ({ pendingBytes }) => pendingBytes,
  );
  gauge(
    'shardmux_guilds_unknown',
    'Guilds that are not known as they are: not sent by Discord yet, or left out for want of memory. Until it is 0 workers get no guilds.',
    ({ awaitedGuilds, missingGuilds }) => awaitedGuilds + missingGuilds,
  );
  counter('shardmux_guilds_merges_total', 'Merges of dispatches into a guild.', ({ merges }) => merges);
  counter('shardmux_guilds_merge_seconds_total', 'What these merges took.', ({ mergeMs }) => mergeMs / 1000);
  counter(
    'shardmux_guilds_dropped_total',
    'Guilds left out because of guilds.maxBytesPerShard.',
    ({ droppedGuilds }) => droppedGuilds,
  );
}
