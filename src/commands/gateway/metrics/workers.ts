/** Metrics of the workers' gateway. */
import type { Metrics } from '../../../observability/index.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { GatewayServer } from '../../../workers/index.ts';

const WORKER_STATES = [
  'awaiting-identify',
  'held',
  'dialling',
  'relaying',
  'snapshotting',
  'replaying',
  'live',
  'draining',
  'closed',
];

export function registerWorkers(metrics: Metrics, server: GatewayServer): void {
  const { counts } = server;
  const counter = (name: string, help: string, read: () => number) =>
    metrics.observedCounter({ name, help, collect: (set) => set(read()) });
  metrics.observedGauge({
    name: 'shardmux_workers_connections',
    help: 'Connections of workers, by state (limit: workers.maxConnections).',
    labels: ['state'],
    collect: (set) => {
      const sums = new Map<string, number>();
      for (const { stateKind } of server.connections) sums.set(stateKind, (sums.get(stateKind) ?? 0) + 1);
      for (const state of WORKER_STATES) set(sums.get(state) ?? 0, { state });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_workers_lag_seconds',
    help: 'Age of the oldest dispatch that a worker has not been sent: the worst worker of each account.',
    labels: ['account'],
    collect: (set) => {
      const worst = new Map<string, number>();
      for (const connection of server.connections) {
        if (connection.account === undefined) continue;
        const lag = connection.lagMs(systemClock.now()) / 1000;
        worst.set(connection.account, Math.max(worst.get(connection.account) ?? 0, lag));
      }
      for (const [account, lag] of worst) set(lag, { account });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_workers_unsent_bytes',
    help: 'Bytes that wait in the socket of the slowest worker (limit: workers.maxUnsentBytes).',
    collect: (set) =>
      set([...server.connections].reduce((most, { unsentBytes }) => Math.max(most, unsentBytes), 0)),
  });
  counter('shardmux_workers_payloads_total', 'Payloads received from workers.', () => counts.received);
  counter('shardmux_workers_commands_total', 'Commands of workers taken for Discord.', () => counts.commands);
  counter(
    'shardmux_workers_dropped_commands_total',
    'Commands that came when the node was stopping; they are not sent.',
    () => counts.droppedCommands,
  );
  counter(
    'shardmux_workers_identifies_total',
    'Worker sessions begun; none of them costs an IDENTIFY.',
    () => counts.identifies,
  );
  counter('shardmux_workers_resumes_total', 'Worker sessions resumed.', () => counts.resumes);
  counter(
    'shardmux_workers_invalid_sessions_total',
    'INVALID_SESSIONs sent to workers.',
    () => counts.invalidSessions,
  );
  counter(
    'shardmux_workers_lost_total',
    'Sessions that fell out of the event log because the worker read too slowly.',
    () => counts.lost,
  );
  metrics.observedCounter({
    name: 'shardmux_workers_closes_total',
    help: 'Connections that we closed, by close code.',
    labels: ['close_code'],
    collect: (set) => {
      for (const [code, count] of counts.closes) set(count, { close_code: code });
    },
  });
  counter(
    'shardmux_workers_departures_total',
    'Connections that workers ended, or that broke.',
    () => counts.closesByWorkers,
  );
  metrics.observedCounter({
    name: 'shardmux_workers_refused_total',
    help: 'Connections turned away before the handshake, by HTTP status.',
    labels: ['status'],
    collect: (set) => {
      for (const [status, count] of counts.refused) set(count, { status });
    },
  });
  registerSnapshots(metrics, server);
  registerRelays(metrics, server);
}

function registerSnapshots(metrics: Metrics, { counts }: GatewayServer): void {
  const counter = (name: string, help: string, read: () => number) =>
    metrics.observedCounter({ name, help, collect: (set) => set(read()) });
  counter(
    'shardmux_workers_snapshots_total',
    'Guilds sent from memory to worker sessions that began.',
    () => counts.snapshots,
  );
  counter(
    'shardmux_workers_snapshot_bytes_total',
    'Bytes of these guilds, as sent.',
    () => counts.snapshotBytes,
  );
  counter(
    'shardmux_workers_snapshotted_sessions_total',
    'Worker sessions that have got all their guilds from memory (under way: shardmux_workers_connections, state snapshotting).',
    () => counts.snapshottedSessions,
  );
  counter(
    'shardmux_workers_snapshotting_seconds_total',
    'Time from READY to the last guild, of these sessions together.',
    () => counts.snapshottingMs / 1000,
  );
}

function registerRelays(metrics: Metrics, { counts }: GatewayServer): void {
  metrics.observedCounter({
    name: 'shardmux_workers_relays_total',
    help: 'Connections that landed here and were relayed to the owner of their shard.',
    collect: (set) => set(counts.relays),
  });
  metrics.observedCounter({
    name: 'shardmux_workers_relayed_sessions_total',
    help: 'Sessions of shards of this node that landed at another node and were relayed here.',
    collect: (set) => set(counts.relayedSessions),
  });
  metrics.observedCounter({
    name: 'shardmux_workers_relay_failures_total',
    help: 'Attempts to relay that failed; the worker is held and it is tried again.',
    labels: ['reason'],
    collect: (set) => {
      for (const [reason, count] of counts.relayFailures) set(count, { reason });
    },
  });
}
