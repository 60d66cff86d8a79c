/** Metrics of the deployment as this node sees it. */
import type { Metrics } from '../../../observability/index.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { Application } from '../application.ts';
import type { OpenStore } from '../open-store.ts';
import { perApplication } from './per-shard.ts';

/** From the end of the connection here until another node serves the shard. Unit: s. */
const MOVE_BUCKETS_S = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5];

export function registerCluster(metrics: Metrics, applications: readonly Application[]): void {
  const labels = ['application'] as const;
  const gauge = (name: string, help: string, read: (application: Application) => number | undefined) =>
    metrics.observedGauge({ name, help, labels, collect: perApplication(applications, read) });
  const counter = (name: string, help: string, read: (application: Application) => number | undefined) =>
    metrics.observedCounter({ name, help, labels, collect: perApplication(applications, read) });

  gauge(
    'shardmux_cluster_members',
    'Nodes that are there, this one included.',
    ({ ownership }) => ownership?.view.members.length,
  );
  gauge(
    'shardmux_cluster_shards_held',
    'Shards whose lease is of this node.',
    ({ ownership }) => ownership?.held.size,
  );
  gauge(
    'shardmux_cluster_shards_planned',
    'Shards that the plan gives to this node.',
    ({ ownership }) => ownership?.planned,
  );
  gauge(
    'shardmux_cluster_shards_ownerless',
    'Shards that no living node holds: nobody is connected to Discord for them.',
    ({ ownership }) => ownership?.ownerless,
  );
  gauge(
    'shardmux_cluster_lease_doubtful_seconds',
    'How long the leases have been doubtful, because they can not be renewed; 0 while they can.',
    ({ ownership }) => ownership && ownership.contact.doubtfulMs(systemClock.now()) / 1000,
  );
  counter(
    'shardmux_cluster_failed_renewals_total',
    'Renewals of the leases that failed.',
    ({ ownership }) => ownership?.counts.failedRenewals,
  );
  counter(
    'shardmux_cluster_acquired_total',
    'Shards taken that nobody held.',
    ({ ownership }) => ownership?.counts.acquired,
  );
  counter(
    'shardmux_cluster_takeovers_total',
    'Of these, shards whose owner was gone without a word.',
    ({ ownership }) => ownership?.counts.lapsedTaken,
  );
  counter(
    'shardmux_cluster_lost_total',
    'Shards that another node took while this one was silent.',
    ({ ownership }) => ownership?.counts.lost,
  );
  counter(
    'shardmux_cluster_moved_total',
    'Shards handed over to other nodes.',
    ({ ownership }) => ownership?.moves.counts.moved,
  );
  counter(
    'shardmux_cluster_failed_moves_total',
    'Attempts to hand a shard over that failed; it stays until the next.',
    ({ ownership }) => ownership?.moves.counts.failed,
  );
  registerMoveDurations(metrics, applications);
}

function registerMoveDurations(metrics: Metrics, applications: readonly Application[]): void {
  const duration = metrics.histogram({
    name: 'shardmux_cluster_move_seconds',
    help: 'From the end of the connection to Discord here until the other node serves the shard.',
    buckets: MOVE_BUCKETS_S,
  });
  for (const application of applications) application.onMoved = (ms) => duration.observe(ms / 1000);
}

export function registerRedis(metrics: Metrics, stores: readonly OpenStore[]): void {
  const redis = stores.flatMap((opened) => (opened.kind === 'redis' ? [opened.store] : []));
  metrics.observedGauge({
    name: 'shardmux_redis_connected',
    help: '1 while Redis can be reached, for all applications; absent without Redis.',
    collect: (set) => {
      if (redis.length > 0) set(redis.every(({ isConnected }) => isConnected) ? 1 : 0);
    },
  });
  const counter = (name: string, help: string, read: (store: (typeof redis)[number]) => number) =>
    metrics.observedCounter({
      name,
      help,
      collect: (set) => set(redis.reduce((sum, store) => sum + read(store), 0)),
    });
  counter('shardmux_redis_commands_total', 'Commands sent to Redis.', ({ counts }) => counts.commands);
  counter('shardmux_redis_errors_total', 'Of these, those that failed.', ({ counts }) => counts.errors);
  counter('shardmux_redis_reconnects_total', 'Connections made again.', ({ counts }) => counts.reconnects);
}
