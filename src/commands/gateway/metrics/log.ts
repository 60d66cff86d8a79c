/** Metrics of event logs and tails. */
import type { LogMemory, Tail } from '../../../log/index.ts';
import type { Metrics } from '../../../observability/index.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { Application } from '../application.ts';
import type { HeldShard } from '../held-shard.ts';
import { perShard, SHARD_LABELS } from './per-shard.ts';

export function registerLog(metrics: Metrics, applications: readonly Application[], memory: LogMemory): void {
  const log = (read: (log: HeldShard['log']) => number | undefined) =>
    perShard(applications, (shard) => shard.log, read);
  metrics.observedGauge({
    name: 'shardmux_log_bytes',
    help: 'Memory of the event log (limit: eventLog.maxBytesPerShard).',
    labels: SHARD_LABELS,
    collect: log(({ bytes }) => bytes),
  });
  metrics.observedGauge({
    name: 'shardmux_log_window_seconds',
    help: 'Age of the oldest dispatch in the event log: how long a worker may be away.',
    labels: SHARD_LABELS,
    collect: log(({ oldestReceivedAtMs: at }) => at && Math.max(0, (systemClock.now() - at) / 1000)),
  });
  metrics.observedCounter({
    name: 'shardmux_log_dropped_segments_total',
    help: 'Segments that left the window, for age or size.',
    labels: SHARD_LABELS,
    collect: log(({ droppedSegments }) => droppedSegments),
  });
  metrics.observedCounter({
    name: 'shardmux_log_addressed_records_total',
    help: 'Dispatches that only one worker session gets (workers.voice).',
    labels: SHARD_LABELS,
    collect: log(({ addressedRecords }) => addressedRecords),
  });
  metrics.observedGauge({
    name: 'shardmux_log_memory_bytes',
    help: 'Memory of all event logs together.',
    collect: (set) => set(memory.usedBytes),
  });
  metrics.observedGauge({
    name: 'shardmux_log_memory_limit_bytes',
    help: 'What they may take together (eventLog.maxBytes).',
    collect: (set) => set(memory.maxBytes),
  });
  metrics.observedCounter({
    name: 'shardmux_log_evicted_segments_total',
    help: 'Segments dropped before their time because of that limit.',
    collect: (set) => set(memory.evictedSegments),
  });
}

export function registerTail(metrics: Metrics, applications: readonly Application[]): void {
  const tail = (read: (tail: Tail) => number) => perShard(applications, (shard) => shard.tail.written, read);
  metrics.observedGauge({
    name: 'shardmux_tail_trailing_seconds',
    help: 'How long the oldest dispatch that is not in the tail has been waiting.',
    labels: SHARD_LABELS,
    collect: tail((found) => found.trailingMs() / 1000),
  });
  metrics.observedGauge({
    name: 'shardmux_tail_failing',
    help: '1 while the tail can not be written (a full disk, Redis away): events flow on, but a restart would lose some.',
    labels: SHARD_LABELS,
    collect: tail((found) => (found.isFailing ? 1 : 0)),
  });
  metrics.observedCounter({
    name: 'shardmux_tail_errors_total',
    help: 'Failed attempts to write the tail.',
    labels: SHARD_LABELS,
    collect: tail(({ counts }) => counts.errors),
  });
  metrics.observedCounter({
    name: 'shardmux_tail_skips_total',
    help: 'Times the tail started over because it could not keep up.',
    labels: SHARD_LABELS,
    collect: tail(({ counts }) => counts.skips),
  });
  metrics.observedCounter({
    name: 'shardmux_tail_written_bytes_total',
    help: 'Compressed bytes written.',
    labels: SHARD_LABELS,
    collect: tail(({ counts }) => counts.bytes),
  });
  metrics.observedGauge({
    name: 'shardmux_tail_bytes',
    help: 'Bytes of the tail, on disk or in Redis (limit: tail.maxBytesPerShard).',
    labels: SHARD_LABELS,
    collect: perShard(
      applications,
      (shard) => shard.tail,
      ({ bytes }) => bytes,
    ),
  });
}
