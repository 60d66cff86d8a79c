/** Every metric of `shardmux gateway`, read from the modules' plain counts when Prometheus asks. docs/metrics.md lists them. */
import type { Metrics } from '../../observability/index.ts';
import type { Teacher } from '../../routing/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { UpstreamShard } from '../../upstream/index.ts';
import type { GatewayServer } from '../../workers/index.ts';
import type { Application } from './application.ts';
import type { HeldShard } from './held-shard.ts';

export interface MetricSources {
  readonly application: Application;
  readonly server: GatewayServer;
  readonly teacher: Teacher | undefined;
}

export function registerMetrics(metrics: Metrics, { application, server, teacher }: MetricSources): void {
  registerUpstream(metrics, application);
  registerIdentifyBudget(metrics, application);
  registerLog(metrics, application);
  registerTail(metrics, application);
  registerWorkers(metrics, server);
  registerRouting(metrics, teacher);
}

/** A reading a shard; shards that have none are left out. */
function perShard<Part>(
  application: Application,
  part: (shard: HeldShard) => Part | undefined,
  read: (part: Part) => number | undefined,
) {
  return (set: (value: number, labels: { shard: number }) => void) => {
    for (const shard of application.shards) {
      const found = part(shard);
      const value = found === undefined ? undefined : read(found);
      if (value !== undefined) set(value, { shard: shard.shardId });
    }
  };
}

function registerUpstream(metrics: Metrics, application: Application): void {
  const reading = (read: (upstream: UpstreamShard) => number | undefined) =>
    perShard(application, (shard) => shard.upstream, read);
  const gauge = (name: string, help: string, read: (upstream: UpstreamShard) => number | undefined) =>
    metrics.observedGauge({ name, help, labels: ['shard'], collect: reading(read) });
  const counter = (name: string, help: string, read: (upstream: UpstreamShard) => number) =>
    metrics.observedCounter({ name, help, labels: ['shard'], collect: reading(read) });

  gauge('shardmux_upstream_connected', '1 while the shard is connected and ready.', ({ state }) =>
    state.kind === 'ready' ? 1 : 0,
  );
  gauge(
    'shardmux_upstream_heartbeat_seconds',
    'Round trip of the last heartbeat to Discord.',
    ({ heartbeatLatencyMs: ms }) => ms && ms / 1000,
  );
  gauge(
    'shardmux_upstream_queued_commands',
    'Commands of workers that wait for their turn.',
    ({ commands }) => commands.length,
  );
  counter(
    'shardmux_upstream_dispatches_total',
    'Dispatches taken from Discord.',
    ({ counts }) => counts.dispatches,
  );
  counter(
    'shardmux_upstream_duplicates_total',
    'Dispatches that a replay brought again; they are dropped.',
    ({ counts }) => counts.duplicates,
  );
  counter(
    'shardmux_upstream_gaps_total',
    'Times a sequence number was missing; it is asked for again with a RESUME.',
    ({ counts }) => counts.gaps,
  );
  counter(
    'shardmux_upstream_malformed_frames_total',
    'Frames that could not be read; the shard reconnects and RESUMEs.',
    ({ counts }) => counts.malformed,
  );
  counter(
    'shardmux_upstream_slow_headers_total',
    "Dispatches whose keys are not in Discord's order, which costs a parse.",
    ({ counts }) => counts.slowHeaders,
  );
  counter(
    'shardmux_upstream_identifies_total',
    'IDENTIFYs sent to Discord.',
    ({ counts }) => counts.identifies,
  );
  counter('shardmux_upstream_resumes_total', 'Connections made to RESUME.', ({ counts }) => counts.resumes);
  counter(
    'shardmux_upstream_commands_total',
    'Commands of workers sent to Discord.',
    ({ commands }) => commands.sent,
  );
  counter(
    'shardmux_upstream_refused_commands_total',
    'Commands refused because the queue was full, or too much of it was of one worker.',
    ({ commands }) => commands.refused,
  );
  counter(
    'shardmux_upstream_dropped_commands_total',
    'Commands that still waited for their turn when the node stopped; they are not sent.',
    ({ commands }) => commands.dropped,
  );
  metrics.observedCounter({
    name: 'shardmux_upstream_closes_total',
    help: 'Connections that ended, by close code (1006: without one).',
    labels: ['close_code'],
    collect: (set) => {
      const sums = new Map<number, number>();
      for (const { upstream } of application.shards) {
        for (const [code, count] of upstream?.counts.closes ?? [])
          sums.set(code, (sums.get(code) ?? 0) + count);
      }
      for (const [code, count] of sums) set(count, { close_code: code });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_upstream_application_stopped',
    help: '1 after Discord refused the application for good (token, intents, shards): a person has to act.',
    collect: (set) => set(application.stoppedReason === undefined ? 0 : 1),
  });
}

function registerIdentifyBudget(metrics: Metrics, application: Application): void {
  metrics.observedGauge({
    name: 'shardmux_upstream_identify_budget_remaining',
    help: "IDENTIFYs left of Discord's daily budget, the reserve included; absent until one was needed.",
    collect: (set) => {
      if (application.gate.remaining !== undefined) set(application.gate.remaining);
    },
  });
  metrics.observedGauge({
    name: 'shardmux_upstream_identify_budget_held',
    help: '1 while IDENTIFYs wait because the budget is down to the reserve.',
    collect: (set) => set(application.isBudgetHeld ? 1 : 0),
  });
}

function registerLog(metrics: Metrics, application: Application): void {
  const log = (read: (log: HeldShard['log']) => number | undefined) =>
    perShard(application, (shard) => shard.log, read);
  metrics.observedGauge({
    name: 'shardmux_log_bytes',
    help: 'Memory of the event log (limit: eventLog.maxBytesPerShard).',
    labels: ['shard'],
    collect: log(({ bytes }) => bytes),
  });
  metrics.observedGauge({
    name: 'shardmux_log_window_seconds',
    help: 'Age of the oldest dispatch in the event log: how long a worker may be away.',
    labels: ['shard'],
    collect: log(({ oldestReceivedAtMs: at }) => at && Math.max(0, (systemClock.now() - at) / 1000)),
  });
  metrics.observedCounter({
    name: 'shardmux_log_dropped_segments_total',
    help: 'Segments that left the window, for age or size.',
    labels: ['shard'],
    collect: log(({ droppedSegments }) => droppedSegments),
  });
  metrics.observedGauge({
    name: 'shardmux_log_memory_bytes',
    help: 'Memory of all event logs together.',
    collect: (set) => set(application.memory.usedBytes),
  });
  metrics.observedGauge({
    name: 'shardmux_log_memory_limit_bytes',
    help: 'What they may take together (eventLog.maxBytes).',
    collect: (set) => set(application.memory.maxBytes),
  });
  metrics.observedCounter({
    name: 'shardmux_log_evicted_segments_total',
    help: 'Segments dropped before their time because of that limit.',
    collect: (set) => set(application.memory.evictedSegments),
  });
}

function registerTail(metrics: Metrics, application: Application): void {
  const tail = (read: (tail: NonNullable<HeldShard['tail']>) => number) =>
    perShard(application, (shard) => shard.tail, read);
  metrics.observedGauge({
    name: 'shardmux_tail_trailing_seconds',
    help: 'How long the oldest dispatch that is not in the tail has been waiting.',
    labels: ['shard'],
    collect: tail((found) => found.trailingMs() / 1000),
  });
  metrics.observedGauge({
    name: 'shardmux_tail_failing',
    help: '1 while the tail can not be written (a full disk, say): events flow on, but a restart would lose some.',
    labels: ['shard'],
    collect: tail((found) => (found.isFailing ? 1 : 0)),
  });
  metrics.observedCounter({
    name: 'shardmux_tail_errors_total',
    help: 'Failed attempts to write the tail.',
    labels: ['shard'],
    collect: tail(({ counts }) => counts.errors),
  });
  metrics.observedCounter({
    name: 'shardmux_tail_skips_total',
    help: 'Times the tail started over because it could not keep up.',
    labels: ['shard'],
    collect: tail(({ counts }) => counts.skips),
  });
  metrics.observedCounter({
    name: 'shardmux_tail_written_bytes_total',
    help: 'Compressed bytes written.',
    labels: ['shard'],
    collect: tail(({ counts }) => counts.bytes),
  });
  metrics.observedGauge({
    name: 'shardmux_tail_bytes',
    help: 'Bytes on disk, of all shards (limit a shard: tail.maxBytesPerShard).',
    collect: (set) => set(application.tails.reduce((sum, { bytes }) => sum + bytes, 0)),
  });
}

function registerWorkers(metrics: Metrics, server: GatewayServer): void {
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
      for (const state of ['awaiting-identify', 'held', 'replaying', 'live', 'draining', 'closed'])
        set(sums.get(state) ?? 0, { state });
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
}

function registerRouting(metrics: Metrics, teacher: Teacher | undefined): void {
  type Status = Teacher['status'][number];
  const perHaproxy =
    (read: (status: Status) => number) => (set: (value: number, labels: { socket: string }) => void) => {
      for (const status of teacher?.status ?? []) set(read(status), { socket: status.state.socket });
    };
  metrics.observedGauge({
    name: 'shardmux_routing_taught',
    help: '1 while the HAProxy knows which shards are here; 0 while it can not be taught.',
    labels: ['socket'],
    collect: perHaproxy(({ state }) => (state.status === 'taught' ? 1 : 0)),
  });
  metrics.observedGauge({
    name: 'shardmux_routing_taught_keys',
    help: 'Shards taught to the HAProxy.',
    labels: ['socket'],
    collect: perHaproxy(({ taughtKeys }) => taughtKeys),
  });
  metrics.observedCounter({
    name: 'shardmux_routing_failures_total',
    help: 'Failed attempts to teach the HAProxy.',
    labels: ['socket'],
    collect: perHaproxy(({ failuresTotal }) => failuresTotal),
  });
}
