/** Every metric of `shardmux rest`, read from plain counts when Prometheus asks. docs/metrics.md lists them. */
import type { Metrics } from '../../observability/index.ts';
import {
  DURATION_BUCKETS_S,
  type Egress,
  type LimiterReadings,
  type RestLimiter,
  type RestServer,
} from '../../rest/index.ts';

export interface RestMetricSources {
  readonly server: RestServer;
  readonly egress: Egress;
  readonly applications: readonly { readonly id: string; readonly limiter: RestLimiter }[];
}

export function registerRestMetrics(
  metrics: Metrics,
  { server, egress, applications }: RestMetricSources,
): void {
  registerRequests(metrics, server);
  registerTraffic(metrics, server);
  registerLimiter(metrics, applications);
  registerEgress(metrics, egress);
}

function registerRequests(metrics: Metrics, { counts }: RestServer): void {
  metrics.observedCounter({
    name: 'shardmux_rest_requests_total',
    help: 'Requests that were answered, by method, route template and class of status; route `-`: those that were not forwarded.',
    labels: ['method', 'route', 'status'],
    collect(set) {
      for (const { route, status, count } of counts.answers()) {
        const [method = '', template = '-'] = route.split(' /');
        set(count, {
          method: template === '-' ? '-' : method,
          route: template === '-' ? '-' : `/${template}`,
          status,
        });
      }
    },
  });
  metrics.observedCounter({
    name: 'shardmux_rest_failed_total',
    help: 'Requests that did not get a whole answer of Discord, by what went wrong.',
    labels: ['reason'],
    collect(set) {
      for (const [reason, count] of Object.entries(counts.failures)) set(count, { reason });
    },
  });
  metrics.observedCounter({
    name: 'shardmux_rest_resent_total',
    help: 'Requests sent again because the connection broke before an answer: such that never left, or may be executed twice.',
    collect: (set) => set(counts.resent),
  });
  metrics.observedHistogram({
    name: 'shardmux_rest_queue_seconds',
    help: 'How long requests waited for their turn.',
    buckets: DURATION_BUCKETS_S,
    read: () => counts.queueDurations,
  });
  metrics.observedHistogram({
    name: 'shardmux_rest_upstream_seconds',
    help: 'From the sending of a request to the head of its answer.',
    buckets: DURATION_BUCKETS_S,
    read: () => counts.upstreamDurations,
  });
}

function registerTraffic(metrics: Metrics, server: RestServer): void {
  const { counts } = server;
  metrics.observedGauge({
    name: 'shardmux_rest_in_flight',
    help: 'Requests of workers that are not over, those that wait among them.',
    collect: (set) => set(counts.inFlight),
  });
  metrics.observedGauge({
    name: 'shardmux_rest_connections',
    help: 'Connections of workers (limit: rest.maxConnections).',
    collect: (set) => set(server.connections),
  });
  metrics.observedGauge({
    name: 'shardmux_rest_upstream_connections',
    help: 'Connections to Discord (limit: rest.maxUpstreamConnections).',
    collect: (set) => set(server.upstreamConnections),
  });
  metrics.observedGauge({
    name: 'shardmux_rest_held_bytes',
    help: 'What the request bodies in memory take (limit: rest.maxHeldBytes).',
    collect: (set) => set(server.heldBytes),
  });
  metrics.observedGauge({
    name: 'shardmux_rest_discord_reachable',
    help: '0 while connections to Discord can not be made.',
    collect: (set) => set(server.isDiscordReachable ? 1 : 0),
  });
  metrics.observedCounter({
    name: 'shardmux_rest_body_bytes_total',
    help: 'Bytes of bodies, to Discord (`out`) and from it (`in`).',
    labels: ['direction'],
    collect(set) {
      set(counts.sentBytes, { direction: 'out' });
      set(counts.receivedBytes, { direction: 'in' });
    },
  });
}

function registerLimiter(metrics: Metrics, applications: RestMetricSources['applications']): void {
  const gauge = (name: string, help: string, read: (readings: LimiterReadings) => number) =>
    metrics.observedGauge({
      name,
      help,
      labels: ['application'],
      collect(set) {
        for (const { id, limiter } of applications) set(read(limiter.readings()), { application: id });
      },
    });
  const counter = (name: string, help: string, read: (readings: LimiterReadings) => number) =>
    metrics.observedCounter({
      name,
      help,
      labels: ['application'],
      collect(set) {
        for (const { id, limiter } of applications) set(read(limiter.readings()), { application: id });
      },
    });
  gauge(
    'shardmux_rest_queued',
    'Requests that wait for their turn (limit: rest.maxQueued).',
    ({ queued }) => queued,
  );
  gauge('shardmux_rest_queued_bytes', 'What they take in memory.', ({ queuedBytes }) => queuedBytes);
  gauge('shardmux_rest_buckets', 'Buckets that are known.', ({ buckets }) => buckets);
  gauge('shardmux_rest_routes', 'Routes whose limit is known.', ({ routes }) => routes);
  gauge(
    'shardmux_rest_global_wait_seconds',
    'For so long nothing goes because of a global 429.',
    ({ globalWaitMs }) => globalWaitMs / 1_000,
  );
  gauge(
    'shardmux_rest_locked_webhooks',
    'Webhooks that Discord says do not exist; requests to them are refused.',
    ({ lockedWebhooks }) => lockedWebhooks,
  );
  gauge('shardmux_rest_token_locked', '1: Discord refused the bot token.', ({ isTokenLocked }) =>
    isTokenLocked ? 1 : 0,
  );
  counter(
    'shardmux_rest_admitted_total',
    'Requests that got their turn, repetitions included.',
    ({ admitted }) => admitted,
  );
  counter(
    'shardmux_rest_repeated_total',
    'Requests that waited again after a 429, or because they never left.',
    ({ repeated }) => repeated,
  );
  counter(
    'shardmux_rest_left_total',
    'Requests whose worker went away while they waited.',
    ({ left }) => left,
  );
  registerRefusals(metrics, applications);
  counter(
    'shardmux_rest_invalid_total',
    'Answers that Discord counts as invalid requests: 401, 403, and 429 that are not shared.',
    ({ invalid }) => invalid,
  );
}

/** By us, and by Discord. */
function registerRefusals(metrics: Metrics, applications: RestMetricSources['applications']): void {
  metrics.observedCounter({
    name: 'shardmux_rest_refused_total',
    help: 'Requests that were refused rather than sent, by reason.',
    labels: ['application', 'reason'],
    collect(set) {
      for (const { id, limiter } of applications) {
        for (const [reason, count] of Object.entries(limiter.readings().refused)) {
          set(count, { application: id, reason });
        }
      }
    },
  });
  metrics.observedCounter({
    name: 'shardmux_rest_limited_total',
    help: "Discord's 429s by scope; `address` are not Discord's own but a ban of the address; `hidden` (counted under `user` as well) are of limits that no header tells of.",
    labels: ['application', 'scope'],
    collect(set) {
      for (const { id, limiter } of applications) {
        for (const [scope, count] of Object.entries(limiter.readings().limited)) {
          set(count, { application: id, scope });
        }
      }
    },
  });
}

function registerEgress(metrics: Metrics, egress: Egress): void {
  metrics.observedGauge({
    name: 'shardmux_rest_invalid_requests',
    help: 'Invalid requests in the last ten minutes, of all nodes that leave from this address: Discord bans it at 10,000.',
    collect: (set) => set(egress.invalidRequests),
  });
  metrics.observedCounter({
    name: 'shardmux_rest_address_blocks_total',
    help: 'How often the address was shut out.',
    collect: (set) => set(egress.blocks),
  });
}
