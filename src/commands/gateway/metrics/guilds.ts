/** Metrics of guild state. */
import type { GuildWriter, SnapshotCounts } from '../../../guilds/index.ts';
import type { Metrics } from '../../../observability/index.ts';
import type { Application } from '../application.ts';
import type { GuildsKind, HeldGuilds } from '../held-guilds.ts';
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
    'Guilds that are not known as they are: not sent by Discord yet, or left out for want of memory; workers get these as unavailable.',
    ({ awaitedGuilds, missingGuilds }) => awaitedGuilds + missingGuilds,
  );
  counter('shardmux_guilds_merges_total', 'Merges of dispatches into a guild.', ({ merges }) => merges);
  counter('shardmux_guilds_merge_seconds_total', 'What these merges took.', ({ mergeMs }) => mergeMs / 1000);
  counter(
    'shardmux_guilds_dropped_total',
    'Guilds left out because of guilds.maxBytesPerShard.',
    ({ droppedGuilds }) => droppedGuilds,
  );
  registerStoring(metrics, applications);
}

const KINDS: readonly GuildsKind[] = ['loading', 'kept', 'unknown'];

function registerStoring(metrics: Metrics, applications: readonly Application[]): void {
  metrics.observedGauge({
    name: 'shardmux_guilds_state',
    help: '1 for what is known of the guilds of a shard: `kept`, `loading` (IDENTIFYs wait), `unknown` (until the next upstream session workers get all of them as unavailable).',
    labels: [...SHARD_LABELS, 'state'],
    collect: (set) => {
      for (const application of applications) {
        for (const { shardId: shard, heldGuilds } of application.shards) {
          if (heldGuilds.kind === 'off') continue;
          for (const state of KINDS)
            set(heldGuilds.kind === state ? 1 : 0, { application: application.id, shard, state });
        }
      }
    },
  });
  const held = (read: (guilds: HeldGuilds) => number | undefined) =>
    perShard(applications, (shard) => shard.heldGuilds, read);
  const gauge = (name: string, help: string, read: (guilds: HeldGuilds) => number | undefined) =>
    metrics.observedGauge({ name, help, labels: SHARD_LABELS, collect: held(read) });
  const counter = (name: string, help: string, read: (writer: GuildWriter) => number) =>
    metrics.observedCounter({
      name,
      help,
      labels: SHARD_LABELS,
      collect: held(({ writer }) => writer && read(writer)),
    });
  gauge(
    'shardmux_guilds_load_seconds',
    "How long it took to load a shard's guilds when it came here from another process.",
    ({ loadMs }) => loadMs && loadMs / 1000,
  );
  gauge(
    'shardmux_guilds_store_bytes',
    'Bytes of the stored guilds, on disk or in Redis.',
    ({ storedBytes }) => storedBytes,
  );
  gauge(
    'shardmux_guilds_store_behind_ratio',
    'How much of the tail has been written since the guilds were last stored, as a part of all that it holds: from 1 on a takeover would not know them.',
    ({ writer, reachesBack }) => (reachesBack ? writer?.behind : undefined),
  );
  gauge(
    'shardmux_guilds_store_failing',
    '1 while guilds can not be stored.',
    ({ writer }) => writer && Number(writer.isFailing),
  );
  counter(
    'shardmux_guilds_store_rounds_total',
    'Rounds of storing that came through.',
    ({ counts }) => counts.rounds,
  );
  counter(
    'shardmux_guilds_store_written_bytes_total',
    'Bytes of guilds stored.',
    ({ counts }) => counts.bytes,
  );
  counter(
    'shardmux_guilds_store_errors_total',
    'Failed attempts to store guilds.',
    ({ counts }) => counts.errors,
  );
}
