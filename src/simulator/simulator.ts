/** Starts a simulated Discord on one port, and is the in-process way to steer it. control.ts is the same over HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Application, type ReceivedCommand, SessionMissingError, type Shard } from './application.ts';
import { type Fault, faultSchema } from './faults.ts';
import { Gateway } from './gateway.ts';
import { answerRequest } from './http.ts';
import { type ResolvedOptions, resolveOptions, type SimulatorOptions } from './options.ts';
import { Pacer } from './pacer.ts';
import { RestApi } from './rest.ts';
import type { Session } from './session.ts';
import { type SimulatorStats, statsOf } from './stats.ts';
import type { ShardTruth } from './truth.ts';

export interface Simulator extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  /** `ws://host:port` */
  readonly gatewayUrl: string;
  /** Ops 3, 4, 8, 31 and 43 that were valid; the newest 10,000. */
  readonly received: readonly ReceivedCommand[];
  readonly options: Readonly<ResolvedOptions>;
  stats(): SimulatorStats;
  truth(shard: number): ShardTruth;
  /** Ids of the guilds that a shard has now. */
  guildIds(shard: number): string[];
  /**
   * Emits one dispatch, also while the shard is disconnected, and returns its sequence. Throws SessionMissingError where there
   * is no session to dispatch to.
   */
  dispatch(shard: number, t: string, d: unknown): number;
  /** Emits `count` made-up dispatches in one go, awaiting nothing in between. */
  burst(shard: number, count: number): Promise<void>;
  setRate(eventsPerSecond: number): void;
  inject(fault: Fault): void;
}

/** Resolves when it listens; rejects when the port is taken. */
export async function startSimulator(given: SimulatorOptions): Promise<Simulator> {
  const options = resolveOptions(given);
  const application = new Application(options);
  const rest = new RestApi(application, () => simulator.gatewayUrl);
  const gateway = new Gateway(application, () => simulator.gatewayUrl);
  const server = createServer(
    (request, response) => void answerRequest({ simulator, rest }, request, response),
  );
  server.on('upgrade', (request, socket, head) => gateway.accept(request, socket, head));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const pacer = new Pacer(application, options.eventsPerSecond, (stalledMs) => gateway.sweep(stalledMs));

  const simulator: Simulator = {
    url: `http://${host}:${port}`,
    gatewayUrl: `ws://${host}:${port}`,
    received: application.received,
    options,
    stats: () => statsOf(application, gateway),
    truth: (shard) => truthOf(application.shard(shard)),
    guildIds: (shard) =>
      application
        .shard(shard)
        .guilds.all()
        .map(({ id }) => id),
    dispatch: (shard, t, d) => sessionOf(application, shard).dispatch(t, JSON.stringify(d)),
    burst: async (shard, count) => burst(application, shard, count),
    setRate: (eventsPerSecond) => pacer.setRate(eventsPerSecond),
    inject: (fault) => inject(application, gateway, rest, fault),
    async [Symbol.asyncDispose]() {
      pacer[Symbol.dispose]();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await gateway[Symbol.asyncDispose]();
      server.closeAllConnections();
      await closed;
    },
  };
  return simulator;
}

function sessionOf(application: Application, shardId: number): Session {
  const session = application.aliveSession(application.shard(shardId));
  if (!session) throw new SessionMissingError(shardId);
  return session;
}

function burst(application: Application, shardId: number, count: number): void {
  const session = sessionOf(application, shardId);
  const shard = application.shard(shardId);
  const target = session.sequence + count;
  while (session.sequence < target) {
    const before = session.sequence;
    application.generate(shard, session);
    if (session.sequence === before)
      throw new Error(`the intents of shard ${shardId} ask for no generated event`);
  }
}

function inject(application: Application, gateway: Gateway, rest: RestApi, given: Fault): void {
  const fault = faultSchema.parse(given);
  switch (fault.kind) {
    case 'delay-ready':
      application.readyDelayMs = fault.ms;
      return;
    case 'refuse-token':
      application.isTokenRefused = true;
      return;
    case 'http-error':
      rest.failNext(fault.status, fault.count);
      return;
    default:
      gateway.inject(fault);
  }
}

function truthOf(shard: Shard): ShardTruth {
  return {
    shard: shard.id,
    sessions: shard.sessions.map((session) => ({
      sessionId: session.id,
      startSequence: 1,
      dispatches: [...session.truth.entries()],
    })),
  };
}
