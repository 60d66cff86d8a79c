/** `shardmux gateway`: joins the modules into a node that is alone. Start order is written here once; stopping is its reverse. */
import { hostname, networkInterfaces } from 'node:os';
import { lockDirectory, StateDirectoryError } from '../../cluster/index.ts';
import type { GatewayConfig } from '../../config/index.ts';
import {
  createLogger,
  createMetrics,
  type Logger,
  moduleLogger,
  StatusServerError,
  startStatusServer,
} from '../../observability/index.ts';
import { parseShardPath, routingKey, shardPath, Teacher } from '../../routing/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import {
  createAuthenticator,
  GatewayServer,
  GatewayServerError,
  Rejections,
  sessionKey,
} from '../../workers/index.ts';
import { Application } from './application.ts';
import { registerMetrics } from './metrics.ts';

export interface GatewayIo {
  readonly stdout: { write(line: string): unknown };
  /** Aborts for a graceful end. */
  readonly signal: AbortSignal;
}

/** Runs until the signal aborts; resolves with the exit code. */
export async function runGateway(config: GatewayConfig, { stdout, signal }: GatewayIo): Promise<number> {
  const logger = createLogger({ ...config.logging, output: stdout });
  try {
    await run(config, logger, signal);
    return 0;
  } catch (error) {
    const isExpected =
      error instanceof GatewayServerError ||
      error instanceof StatusServerError ||
      error instanceof StateDirectoryError;
    if (!isExpected) throw error;
    logger.fatal({ reason: error.message }, 'shardmux can not start');
    return 1;
  }
}

async function run(config: GatewayConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const metrics = createMetrics({ processMetrics: true });
  await using stack = new AsyncDisposableStack();
  if (config.tail.store === 'disk') stack.use(await lockDirectory(config.tail.directory));

  const application = stack.use(
    new Application({
      config,
      clock,
      logger,
      onStopped: (reason) => server.closeAll(Rejections.applicationStopped(reason)),
    }),
  );
  const statusServer = stack.use(
    await startStatusServer({
      ...config.status,
      health: () => ({}),
      readiness: () => readiness(application, signal),
      metrics,
      onError: (error) => logger.error({ err: error }, 'a check or a metric failed'),
    }),
  );
  const server: GatewayServer = stack.use(createServer(config, application, logger));
  const port = await server.listen();
  const teacher =
    config.haproxy.sockets.length > 0 ? stack.use(createTeacher(config, port, logger)) : undefined;
  registerMetrics(metrics, { application, server, teacher });
  // First of all at the end: nothing new arrives, the tails are complete, and workers are drained with all of it.
  stack.defer(() => application.close());

  const workersUrl = `ws://${urlHost(config.workers.host)}:${port}`;
  logger.info({ module: 'commands', workersUrl, statusUrl: statusServer.url, pid: process.pid }, 'listening');
  const started = application.start().then(() => {
    teacher?.setKeys(new Set(application.shards.map((shard) => routingKey(shard.shardId))));
  });
  started.catch((error: unknown) => logger.fatal({ err: error }, 'the application could not start'));
  await Promise.race([started.then(() => aborted(signal)), aborted(signal)]);
  logger.info({ module: 'commands' }, 'draining');
}

function createServer(config: GatewayConfig, application: Application, logger: Logger): GatewayServer {
  const { workers, discord } = config;
  const tokens =
    workers.tokens.length > 0
      ? workers.tokens.map(({ name, token }) => ({ name, token: token.reveal() }))
      : [{ name: 'bot', token: discord.token.reveal() }];
  return new GatewayServer({
    host: workers.host,
    port: workers.port,
    publicUrl: workers.publicUrl,
    applications: [{ id: applicationId(discord.token.reveal()), directory: application }],
    authenticator: createAuthenticator(tokens),
    sessionKey: sessionKey((workers.sessionSecret ?? discord.token).reveal()),
    limits: workers,
    readPath: parseShardPath,
    shardPath,
    clock: systemClock,
    log: moduleLogger(logger, 'workers'),
  });
}

/** A bot token begins with its application's id, in base64. */
function applicationId(token: string): string {
  return Buffer.from(token.split('.', 1)[0] ?? '', 'base64').toString();
}

function createTeacher(config: GatewayConfig, port: number, logger: Logger): Teacher {
  const { sockets, backend, table, serverName, teachIntervalMs } = config.haproxy;
  const log = moduleLogger(logger, 'routing');
  return new Teacher({
    sockets,
    backend,
    table,
    server:
      serverName === undefined ? { hosts: addressesOf(config.workers.host), port } : { name: serverName },
    intervalMs: teachIntervalMs,
    clock: systemClock,
    onState: (state) => {
      if (state.status === 'failing') log.warn(state, 'an HAProxy can not be taught');
      else log.info(state, 'an HAProxy is taught');
    },
  });
}

/** Where an HAProxy may reach a node that listens on `host`. */
function addressesOf(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return [...addresses.map(({ address }) => address), hostname(), 'localhost'];
}

function readiness(application: Application, signal: AbortSignal) {
  const connected = application.shards.filter((shard) => shard.upstream?.state.kind === 'ready').length;
  const total = application.shardCount;
  return {
    draining: signal.aborted
      ? { ok: false as const, wrong: 'this node is shutting down' }
      : { ok: true as const },
    shards:
      total !== undefined && connected === total
        ? { ok: true as const }
        : { ok: false as const, wrong: shardsProblem(application, connected) },
  };
}

function shardsProblem(application: Application, connected: number): string {
  const { stoppedReason, informationProblem, shardCount } = application;
  if (stoppedReason !== undefined) return stoppedReason;
  if (shardCount === undefined)
    return informationProblem ?? 'Discord has not said yet how many shards there are';
  return `${connected} of ${shardCount} shards are connected${informationProblem ? `; ${informationProblem}` : ''}`;
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
