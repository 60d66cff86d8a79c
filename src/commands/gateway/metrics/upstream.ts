/** Metrics of the connections to Discord. */
import type { Metrics } from '../../../observability/index.ts';
import type { UpstreamShard } from '../../../upstream/index.ts';
import type { Application } from '../application.ts';
import { perApplication, perShard, SHARD_LABELS } from './per-shard.ts';

export function registerUpstream(metrics: Metrics, applications: readonly Application[]): void {
  const reading = (read: (upstream: UpstreamShard) => number | undefined) =>
    perShard(applications, (shard) => shard.upstream, read);
  const gauge = (name: string, help: string, read: (upstream: UpstreamShard) => number | undefined) =>
    metrics.observedGauge({ name, help, labels: SHARD_LABELS, collect: reading(read) });
  const counter = (name: string, help: string, read: (upstream: UpstreamShard) => number) =>
    metrics.observedCounter({ name, help, labels: SHARD_LABELS, collect: reading(read) });

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
      for (const { upstream } of applications.flatMap(({ shards }) => shards)) {
        for (const [code, count] of upstream?.counts.closes ?? [])
          sums.set(code, (sums.get(code) ?? 0) + count);
      }
      for (const [code, count] of sums) set(count, { close_code: code });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_upstream_application_stopped',
    help: '1 after Discord refused the application for good (token, intents, shards): a person has to act.',
    labels: ['application'],
    collect: perApplication(applications, ({ stoppedReason }) => (stoppedReason === undefined ? 0 : 1)),
  });
}

export function registerIdentifyBudget(metrics: Metrics, applications: readonly Application[]): void {
  metrics.observedGauge({
    name: 'shardmux_upstream_identify_budget_remaining',
    help: "IDENTIFYs left of Discord's daily budget, the reserve included; absent until one was needed.",
    labels: ['application'],
    collect: perApplication(applications, ({ gate }) => gate.remaining),
  });
  metrics.observedGauge({
    name: 'shardmux_upstream_identify_budget_held',
    help: '1 while IDENTIFYs wait because the budget is down to the reserve.',
    labels: ['application'],
    collect: perApplication(applications, ({ gate }) => (gate.isBudgetHeld ? 1 : 0)),
  });
  metrics.observedGauge({
    name: 'shardmux_upstream_identify_waiting',
    help: 'Shards of this node that wait to IDENTIFY: for their turn, for the budget, or for Redis to answer.',
    labels: ['application', 'reason'],
    collect: (set) => {
      for (const { id, gate } of applications)
        for (const [reason, count] of Object.entries(gate.waiting)) set(count, { application: id, reason });
    },
  });
}
