/** `shardmux rest`: joins the modules into the proxy that workers send their REST requests to. Wiring only. */
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayConfig } from '../../config/index.ts';
import {
  createLogger,
  createMetrics,
  type Logger,
  moduleLogger,
  StatusServerError,
  startStatusServer,
} from '../../observability/index.ts';
import { type ProxiedApplication, RestServer, RestServerError, Upstream } from '../../rest/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import type { DiscordApi } from '../../upstream/index.ts';
import { publicUrl } from '../../workers/index.ts';
import { DiscordApiError, discordApiOf } from '../discord-api.ts';
import { hostPort } from '../gateway/addresses.ts';
import { BotToken } from './bot-token.ts';
import { callersOf } from './callers.ts';
import { inspectRest } from './inspection.ts';
import { Limits } from './limits.ts';
import { registerRestMetrics } from './metrics.ts';
import { restReadiness } from './readiness.ts';
import { RestSetupError } from './setup-error.ts';
import { shardCountOf } from './shard-counts.ts';
import { registerShareMetrics } from './share-metrics.ts';
import type { SharedLimits } from './shared-limits.ts';
import { StateFile } from './state-file.ts';

export interface RestIo {
  readonly stdout: { write(line: string): unknown };
  /** Aborts for a graceful end. */
  readonly signal: AbortSignal;
}

/** The errors that a setting is the cause of, or the machine: their message says what to do. */
const EXPECTED_ERRORS = [RestServerError, StatusServerError, RestSetupError, DiscordApiError];

/** Runs until the signal aborts; resolves with the exit code. */
export async function runRest(config: GatewayConfig, { stdout, signal }: RestIo): Promise<number> {
  const logger = createLogger({ ...config.logging, output: stdout });
  try {
    await run(config, logger, signal);
    logger.info({ module: 'commands' }, 'stopped');
    return 0;
  } catch (error) {
    if (!EXPECTED_ERRORS.some((expected) => error instanceof expected)) throw error;
    logger.fatal({ reason: reasonOf(error) }, 'shardmux can not start');
    return 1;
  }
}

async function run(config: GatewayConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const log = moduleLogger(logger, 'rest');
  const shared = config.redis.hosts.length === 0 ? undefined : await share(stack, config, log);
  const limits = stack.use(new Limits(config, systemClock, log, shared));
  const stateFile = stack.use(
    new StateFile({
      directory: config.rest.stateDirectory,
      name: 'limits',
      read: () => limits.export(),
      clock: systemClock,
      onProblem: (reason) =>
        log.warn({ reason }, 'rest.stateDirectory can not be used: after a restart limits are learnt again'),
    }),
  );
  limits.import(stateFile.load());
  await shared?.start(systemClock, signal);
  if (shared && !signal.aborted) {
    for (const { id, member } of shared.applications)
      log.info({ application: id, nodes: member.nodes }, 'limits are shared with the other nodes');
  }
  const server = createServer(stack, config, limits, log);
  const port = await server.listen();
  stateFile.start();
  const statusUrl = await startStatus(stack, { config, limits, shared, server, logger, signal });
  const restUrl = `http://${hostPort(config.rest.host, port)}`;
  logger.info({ module: 'commands', restUrl, statusUrl, pid: process.pid }, 'listening');
  await aborted(signal);
  logger.info({ module: 'commands', inFlight: server.counts.inFlight }, 'draining');
  await server.drain(config.rest.drainTimeoutMs);
}

async function share(stack: AsyncDisposableStack, config: GatewayConfig, log: Logger): Promise<SharedLimits> {
  // A node alone is spared what Redis needs.
  const { openShared } = await import('./open-shared.ts');
  return openShared(stack, config, log);
}

function createServer(
  stack: AsyncDisposableStack,
  config: GatewayConfig,
  limits: Limits,
  log: Logger,
): RestServer {
  const { rest } = config;
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  const upstreams = new Upstreams(stack, config);
  const tokens: BotToken[] = [];
  const applications = config.applications.map((application): ProxiedApplication => {
    const { id, shardCount } = application;
    const api = discordApiOf(application);
    const token = stack.use(new BotToken({ application, clock: systemClock, log }));
    token.onChange((fresh) => limits.rotateToken(id, fresh));
    tokens.push(token);
    return {
      id,
      botToken: () => token.reveal(),
      limiter: limits.of(id),
      upstream: upstreams.of(api),
      shardCount:
        rest.gatewayRoutes === 'own'
          ? shardCountOf(shardCount, {
              api,
              token,
              limiter: limits.of(id),
              clock: systemClock,
              log,
              signal: ended.signal,
            })
          : () => undefined,
    };
  });
  const server: RestServer = stack.use(
    new RestServer({
      host: rest.host,
      port: rest.port,
      applications,
      authenticator: callersOf(config, tokens, () => server.forgetCallers()),
      gatewayUrl: rest.gatewayRoutes === 'own' ? (headers) => gatewayUrl(config, headers) : undefined,
      limits: { ...rest, defaultDeadlineMs: rest.deadlineMs },
      clock: systemClock,
      log,
    }),
  );
  return server;
}

/** One for each way to Discord. */
class Upstreams {
  readonly #stack: AsyncDisposableStack;
  readonly #config: GatewayConfig;
  readonly #upstreams = new Map<string, Upstream>();

  constructor(stack: AsyncDisposableStack, config: GatewayConfig) {
    this.#stack = stack;
    this.#config = config;
  }

  of({ apiUrl, egressUrl, ca }: DiscordApi): Upstream {
    const key = JSON.stringify([apiUrl, egressUrl, ca]);
    const known = this.#upstreams.get(key);
    if (known) return known;
    const { protocol, maxUpstreamConnections, upstreamTimeoutMs } = this.#config.rest;
    const upstream = this.#stack.use(
      new Upstream({
        apiUrl,
        egressUrl,
        protocol,
        ca,
        maxConnections: maxUpstreamConnections,
        timeoutMs: upstreamTimeoutMs,
      }),
    );
    this.#upstreams.set(key, upstream);
    return upstream;
  }
}

/** Where the worker that asks so finds our gateway: through HAProxy, which says by what scheme it was asked, at the same address. */
function gatewayUrl({ workers }: GatewayConfig, headers: IncomingHttpHeaders): string {
  if (workers.publicUrl !== undefined) return workers.publicUrl;
  if (headers['x-forwarded-proto'] !== undefined) return publicUrl(headers, undefined);
  const name = headers.host?.replace(/:\d+$/, '') || 'localhost';
  return `ws://${name}:${workers.port}`;
}

interface StatusSources {
  readonly config: GatewayConfig;
  readonly limits: Limits;
  readonly shared: SharedLimits | undefined;
  readonly server: RestServer;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

async function startStatus(
  stack: AsyncDisposableStack,
  { config, limits, shared, server, logger, signal }: StatusSources,
): Promise<string> {
  const metrics = createMetrics({ processMetrics: true });
  const applications = config.applications.map(({ id }) => ({ id, limiter: limits.of(id) }));
  registerRestMetrics(metrics, { server, egress: limits.egress, applications });
  registerShareMetrics(metrics, shared);
  const statusServer = stack.use(
    await startStatusServer({
      host: config.status.host,
      port: config.rest.statusPort,
      portSetting: 'rest.statusPort (SHARDMUX_REST_STATUS_PORT)',
      health: () => ({}),
      readiness: () =>
        restReadiness(applications, limits.egress, {
          isDraining: signal.aborted,
          isDiscordReachable: server.isDiscordReachable,
        }),
      metrics,
      pages: {
        '/limits': () => inspectRest({ server, egress: limits.egress, applications }, systemClock.now()),
      },
      onError: (error) => logger.error({ err: error }, 'a check or a metric failed'),
    }),
  );
  return statusServer.url;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
