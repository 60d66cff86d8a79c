/** Starts a simulated Discord on one port, and is the in-process way to steer it. control.ts is the same over HTTP. */
import { Application, type ReceivedCommand, SessionMissingError, type Shard } from './application.ts';
import { monotonicMs } from './clock.ts';
import { type Fault, faultSchema } from './faults.ts';
import { Gateway } from './gateway.ts';
import { answerRequest } from './http.ts';
import { listen } from './listener.ts';
import { type ResolvedOptions, resolveOptions, type SimulatorOptions } from './options.ts';
import { Pacer } from './pacer.ts';
import { RestApi } from './rest/api.ts';
import { admitInteraction, controlOf, injectRest, type RestControl } from './rest/control.ts';
import type { Session } from './session.ts';
import type { Entity } from './state/entities.ts';
import type { ShardState } from './state/shard-state.ts';
import type { GuildView } from './state/view.ts';
import { type SimulatorStats, statsOf } from './stats.ts';
import type { ShardTruth } from './truth.ts';

/** The body of a GUILD_CREATE. */
export type GuildBody = Entity;

/** What a client that has had every dispatch up to `sequence` knows, if it follows them all. */
export interface ShardTruthState {
  shard: number;
  /** Of the session that still counts. */
  sessionId: string | null;
  /** Of that session's last dispatch; 0 where there is none. */
  sequence: number;
  /** By id. One that is out is `{id, unavailable: true}`. */
  guilds: Record<string, GuildBody>;
}

export interface Simulator extends AsyncDisposable {
  /** `http://host:port`; `https:` with the option `tls`. */
  readonly url: string;
  /** `ws://host:port`; `wss:` with the option `tls`. */
  readonly gatewayUrl: string;
  readonly rest: RestControl;
  /** Ops 3, 4, 8, 31 and 43 that were valid; the newest 10,000. */
  readonly received: readonly ReceivedCommand[];
  readonly options: Readonly<ResolvedOptions>;
  stats(): SimulatorStats;
  truth(shard: number): ShardTruth;
  /** Ids of the guilds that a shard has now. */
  guildIds(shard: number): string[];
  /**
   * With `guildState`: the body of the guild's GUILD_CREATE as of now, as after READY; `{id, unavailable: true}` where it is out;
   * undefined where the bot is not in it. Without a view it has everything; with one, what a session of these intents gets.
   */
  guild(guildId: string, view?: GuildView): GuildBody | undefined;
  /** With `guildState`: all guilds of a shard as of the last dispatch of its session. */
  shardState(shard: number, view?: GuildView): ShardTruthState;
  /**
   * With `guildState`: makes something happen, by event type, or `outage` and `outage-end` of a guild; in this guild or any. Returns the
   * sequence of its last dispatch. Throws a RangeError where it can't happen.
   */
  happen(shard: number, name: string, guildId?: string): number;
  /**
   * Emits one dispatch, also while the shard is disconnected, and returns its sequence. Throws SessionMissingError where there
   * is no session to dispatch to. With `guildState`, the state follows it.
   */
  dispatch(shard: number, t: string, d: unknown): number;
  /** Emits `count` made-up dispatches in one go, awaiting nothing in between. */
  burst(shard: number, count: number): Promise<void>;
  setRate(eventsPerSecond: number): void;
  inject(fault: Fault): void;
}

const GATEWAY_BOT_ERROR = { kind: 'rest-status', body: 'json', route: 'GET /gateway/bot', skip: 0 } as const;

/** Resolves when it listens; rejects when the port is taken. */
export async function startSimulator(given: SimulatorOptions): Promise<Simulator> {
  const options = resolveOptions(given);
  const application = new Application(options);
  const rest = new RestApi(application, options.rest, () => simulator.gatewayUrl);
  const gateway = new Gateway(application, () => simulator.gatewayUrl);
  const listener = await listen({
    ...options,
    onRequest: (request, response) => void answerRequest({ simulator, rest }, request, response),
    onUpgrade: (request, socket, head) => gateway.accept(request, socket, head),
  });
  const secure = options.tls ? 's' : '';
  const pacer = new Pacer(application, options.eventsPerSecond, (stalledMs) => gateway.sweep(stalledMs));

  const simulator: Simulator = {
    url: `http${secure}://${listener.authority}`,
    gatewayUrl: `ws${secure}://${listener.authority}`,
    rest: controlOf(application, rest),
    received: application.received,
    options,
    stats: () => statsOf(application, gateway, rest),
    truth: (shard) => truthOf(application.shard(shard)),
    guildIds: (shard) =>
      application
        .shard(shard)
        .guilds.all()
        .map(({ id }) => id),
    guild: (guildId, view) => stateOf(application, shardIdOf(application, guildId)).body(guildId, view),
    shardState: (shard, view) => shardStateOf(application, shard, view),
    happen: (shard, name, guildId) => happen(application, shard, name, guildId),
    dispatch: (shard, t, d) => {
      const session = sessionOf(application, shard);
      application.shard(shard).state?.follow(t, d);
      if (t === 'INTERACTION_CREATE') admitInteraction(rest, d);
      return session.dispatch(t, JSON.stringify(d));
    },
    burst: async (shard, count) => burst(application, shard, count),
    setRate: (eventsPerSecond) => pacer.setRate(eventsPerSecond),
    inject: (fault) => inject(application, gateway, rest, fault),
    async [Symbol.asyncDispose]() {
      pacer[Symbol.dispose]();
      await gateway[Symbol.asyncDispose]();
      await listener[Symbol.asyncDispose]();
    },
  };
  return simulator;
}

function sessionOf(application: Application, shardId: number): Session {
  const session = application.aliveSession(application.shard(shardId));
  if (!session) throw new SessionMissingError(shardId);
  return session;
}

function stateOf(application: Application, shardId: number): ShardState {
  const { state } = application.shard(shardId);
  if (!state) throw new RangeError('guilds have a state only with the option guildState');
  return state;
}

function shardIdOf(application: Application, guildId: string): number {
  if (!/^\d{1,20}$/.test(guildId)) throw new RangeError(`no id of a guild: ${guildId.slice(0, 30)}`);
  return Number((BigInt(guildId) >> 22n) % BigInt(application.shards.length));
}

function shardStateOf(application: Application, shardId: number, view?: GuildView): ShardTruthState {
  const state = stateOf(application, shardId);
  const shard = application.shard(shardId);
  const session = application.aliveSession(shard);
  const bodies = shard.guilds.all().map(({ id }) => [id, state.body(id, view)] as const);
  return {
    shard: shardId,
    sessionId: session?.id ?? null,
    sequence: session?.sequence ?? 0,
    guilds: Object.fromEntries(
      bodies.filter((entry): entry is [string, GuildBody] => entry[1] !== undefined),
    ),
  };
}

function happen(application: Application, shardId: number, name: string, guildId?: string): number {
  const session = sessionOf(application, shardId);
  if (!stateOf(application, shardId).happenNamed(name, session, guildId)) {
    throw new RangeError(`${name} can't happen now on shard ${shardId}, or nobody asks for it`);
  }
  return session.sequence;
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
    case 'limit-member-requests': {
      const { memberRequests } = application.shard(shardIdOf(application, fault.guild));
      return memberRequests.limit(fault.guild, monotonicMs() + fault.ms);
    }
    case 'http-error':
      return injectRest(rest, { ...GATEWAY_BOT_ERROR, status: fault.status, count: fault.count });
    default:
      if ('shard' in fault) gateway.inject(fault);
      else injectRest(rest, fault);
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
