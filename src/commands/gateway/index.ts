/** `shardmux gateway`: joins the modules into a node. Start order is written here once; stopping is its reverse. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ClusterStoreError, lockDirectory, type Member, StateDirectoryError } from '../../cluster/index.ts';
import type { GatewayConfig } from '../../config/index.ts';
import { LogMemory, TailCompressor } from '../../log/index.ts';
import {
  createLogger,
  createMetrics,
  type Logger,
  type Metrics,
  moduleLogger,
  StatusServerError,
  startStatusServer,
} from '../../observability/index.ts';
import type { Teacher } from '../../routing/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { type GatewayServer, GatewayServerError, Rejections } from '../../workers/index.ts';
import { DiscordApiError } from '../discord-api.ts';
import { advertisedAddress, hostPort } from './addresses.ts';
import { Application } from './application.ts';
import { GuildState } from './guild-state.ts';
import { registerMetrics } from './metrics/index.ts';
import { type OpenStore, openStore } from './open-store.ts';
import { type PeerLinks, peerLinks } from './peer-links.ts';
import { readiness } from './readiness.ts';
import { Routes } from './routes.ts';
import { createTeacher, HaproxySetupError } from './teaching.ts';
import { createServer } from './workers-server.ts';

export interface GatewayIo {
  readonly stdout: { write(line: string): unknown };
  /** Aborts for a graceful end. */
  readonly signal: AbortSignal;
}

/** Another process has taken this one's place, or nodes that it does not fit have: there is nothing left for it to do. */
class NodeReplacedError extends Error {
  override name = 'NodeReplacedError';
}

/** The errors that a setting is the cause of, or the machine: their message says what to do. */
const EXPECTED_ERRORS = [
  GatewayServerError,
  StatusServerError,
  StateDirectoryError,
  ClusterStoreError,
  HaproxySetupError,
  DiscordApiError,
];

/** Runs until the signal aborts; resolves with the exit code. */
export async function runGateway(config: GatewayConfig, { stdout, signal }: GatewayIo): Promise<number> {
  const logger = createLogger({ ...config.logging, output: stdout });
  try {
    await run(config, logger, signal);
    logger.info({ module: 'commands' }, 'stopped');
    return 0;
  } catch (error) {
    const reason = reasonOf(error);
    if (error instanceof NodeReplacedError) logger.fatal({ reason }, 'shardmux can not go on');
    else if (EXPECTED_ERRORS.some((expected) => error instanceof expected))
      logger.fatal({ reason }, 'shardmux can not start');
    else throw error;
    return 1;
  }
}

async function run(config: GatewayConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  if (config.tail.store === 'disk') stack.use(await lockDirectory(config.tail.directory));
  const node = await Node.open(stack, config, logger);
  await node.listen(stack, signal);
  await node.start(stack, signal);
  logger.info({ module: 'commands' }, 'draining');
  await node.drain();
}

/** The applications of this process, and what they share. */
class Node {
  readonly #config: GatewayConfig;
  readonly #logger: Logger;
  readonly #nodeId: string;
  readonly #metrics: Metrics = createMetrics({ processMetrics: true });
  readonly #applications: readonly Application[];
  readonly #stores: readonly OpenStore[];
  readonly #memory: LogMemory;
  readonly #peers: PeerLinks | undefined;
  /** Set once it listens. */
  #server: GatewayServer | undefined;
  #address = '';
  #teacher: Teacher | undefined;
  #routes: Routes;
  readonly #replaced = Promise.withResolvers<never>();

  static async open(stack: AsyncDisposableStack, config: GatewayConfig, logger: Logger): Promise<Node> {
    const stores: OpenStore[] = [];
    for (const application of config.applications) {
      const opened = await openStore({ config, application, clock: systemClock, logger });
      stack.use(opened.store);
      stores.push(opened);
    }
    return new Node(stack, config, logger, stores);
  }

  private constructor(
    stack: AsyncDisposableStack,
    config: GatewayConfig,
    logger: Logger,
    stores: readonly OpenStore[],
  ) {
    this.#config = config;
    this.#logger = logger;
    this.#stores = stores;
    this.#nodeId = config.cluster.nodeId ?? hostname();
    this.#routes = new Routes(undefined, config.applications.length);
    this.#memory = new LogMemory(config.eventLog.maxBytes);
    const tailCompressor = stack.use(new TailCompressor());
    const guildState = stack.use(new GuildState(config, systemClock));
    this.#applications = config.applications.map((application, index) => {
      const opened = stores[index];
      if (!opened) throw new Error('an application without a store');
      return stack.use(
        new Application({
          config,
          application,
          store: opened.store,
          isAlone: opened.kind === 'embedded',
          memory: this.#memory,
          tailCompressor,
          guildState,
          clock: systemClock,
          logger,
          onStopped: (reason) =>
            this.#server?.closeSessions(application.id, Rejections.applicationStopped(reason)),
        }),
      );
    });
    this.#peers = config.cluster.secret && peerLinks(config.cluster.secret, this.#nodeId);
    this.#replaced.promise.catch(() => undefined);
  }

  /** Opens the ports and looks at the HAProxies. */
  async listen(stack: AsyncDisposableStack, signal: AbortSignal): Promise<void> {
    const config = this.#config;
    const logger = this.#logger;
    const applications = this.#applications;
    const statusServer = stack.use(
      await startStatusServer({
        ...config.status,
        health: () => ({}),
        readiness: () => readiness(applications, signal.aborted),
        metrics: this.#metrics,
        onError: (error) => logger.error({ err: error }, 'a check or a metric failed'),
      }),
    );
    const server = stack.use(
      createServer(config, applications, logger, {
        links: this.#peers,
        onRelayed: (applicationId, shardId) => this.#routes.of(applicationId).teachAgain(shardId),
      }),
    );
    const port = await server.listen();
    this.#server = server;
    this.#address = await advertisedAddress(config, port);
    this.#teacher = await createTeacher(stack, config, port, moduleLogger(logger, 'routing'));
    this.#routes = new Routes(this.#teacher, config.applications.length);
    registerMetrics(this.#metrics, {
      applications,
      memory: this.#memory,
      server,
      teacher: this.#teacher,
      stores: this.#stores,
    });
    const workersUrl = `ws://${hostPort(config.workers.host, port)}`;
    logger.info(
      { module: 'commands', node: this.#nodeId, workersUrl, statusUrl: statusServer.url, pid: process.pid },
      'listening',
    );
  }

  /**
   * Joins and holds shards until `signal` aborts.
   * @throws {ClusterStoreError} it is refused.
   * @throws {NodeReplacedError} it is not wanted any more.
   */
  async start(stack: AsyncDisposableStack, signal: AbortSignal): Promise<void> {
    // First of all at the end: nothing new arrives, the tails are complete, and workers are drained with all of it.
    stack.defer(async () => {
      await Promise.all(this.#applications.map((application) => application.close()));
    });
    const identity = { nodeId: this.#nodeId, incarnation: randomUUID().slice(0, 8) };
    const started = Promise.all(
      this.#applications.map((application) =>
        application.start({
          identity,
          address: this.#address,
          routes: this.#routes.of(application.id),
          sendWorkersAway: (shardId) => this.#server?.drainShard(application.id, shardId),
          askHeldShards: (member) => this.#askHeldShards(member, application.id),
          onReplaced: (by) => this.#onReplaced(by),
          onRefused: (reason) => this.#replaced.reject(new NodeReplacedError(reason)),
        }),
      ),
    );
    const ended = Promise.race([aborted(signal), this.#replaced.promise]);
    await Promise.race([started.then(() => ended), ended]);
  }

  async #askHeldShards(member: Member, applicationId: string): Promise<ReadonlyMap<number, number>> {
    return (await this.#peers?.askHeldShards(member.address, applicationId)) ?? new Map();
  }

  #onReplaced(by: Member): void {
    this.#replaced.reject(
      new NodeReplacedError(
        `cluster.nodeId: another process runs as node ${by.nodeId} now, at ${by.address}: this one gave no sign of life for longer than cluster.leaseTtlMs. If that one did not take its place, give each node an id of its own`,
      ),
    );
  }

  /** Hands the shards over to other nodes, within the limit. */
  async drain(): Promise<void> {
    const limit = AbortSignal.timeout(this.#config.cluster.drainTimeoutMs);
    await Promise.all(this.#applications.map((application) => application.drain(limit)));
    if (!limit.aborted) return;
    this.#logger.warn(
      { module: 'commands' },
      'not all shards could be handed over in cluster.drainTimeoutMs; other nodes take them as they are',
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
