/**
 * The one simulated bot: its shards and their sessions, its session start budget, its token, and the record of what happened.
 */
import { randomBytes } from 'node:crypto';
import { monotonicMs } from './clock.ts';
import { applicationIdOf, type ResolvedOptions } from './options.ts';
import { EventTemplates } from './payloads/events.ts';
import { type Guild, GuildSet, renderGuildCreate } from './payloads/guilds.ts';
import { createUsers, type User } from './payloads/users.ts';
import { Random } from './random.ts';
import { IdentifyGate } from './rules/identify-gate.ts';
import { MemberRequestLimit } from './rules/member-requests.ts';
import { Session, type SessionConnection } from './session.ts';
import { ShardState } from './state/shard-state.ts';
import { Violations } from './violations.ts';

export interface Shard {
  readonly id: number;
  readonly guilds: GuildSet;
  /** The current one, alive or not. */
  session: Session | undefined;
  /** Every session there was, for the truth. */
  readonly sessions: Session[];
  readonly memberRequests: MemberRequestLimit;
  /** Only with the option `guildState`. */
  readonly state: ShardState | undefined;
}

export interface ReceivedCommand {
  shard: number;
  op: number;
  d: unknown;
  /** Milliseconds since 1970. */
  at: number;
}

/** Older commands are forgotten; the count in the statistics stays. */
const MAX_RECEIVED = 10_000;

/** Generated joins and leaves, one in so many dispatches. */
const MEMBERSHIP_CHANGE_EVERY = 2_000;

export class SessionMissingError extends Error {
  override readonly name = 'SessionMissingError';

  constructor(shard: number) {
    super(`shard ${shard} has no session: nothing can be dispatched before it IDENTIFYs`);
  }
}

export class Application {
  readonly options: ResolvedOptions;
  readonly applicationId: string;
  readonly shards: Shard[];
  readonly users: readonly User[];
  readonly violations = new Violations();
  readonly gate: IdentifyGate;
  /** Arrivals of IDENTIFY per bucket, milliseconds since 1970, refused ones included. */
  readonly identifyTimes: Record<number, number[]> = {};
  readonly received: ReceivedCommand[] = [];
  receivedCount = 0;
  identifies = 0;
  resumes = 0;
  resumesRefused = 0;
  readyDelayMs: number;
  isTokenRefused = false;
  readonly #random: Random;
  readonly #events: EventTemplates;
  readonly #forgottenShards = new Set<number>();

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.applicationId = applicationIdOf(options.token);
    this.readyDelayMs = options.readyDelayMs;
    this.#random = new Random(options.seed);
    this.users = createUsers(this.#random);
    this.#events = new EventTemplates(this.#random, this.users);
    this.gate = new IdentifyGate({
      maxConcurrency: options.maxConcurrency,
      intervalMs: options.identifyIntervalMs,
      budget: options.identifyBudget,
      nowMs: monotonicMs(),
    });
    this.shards = Array.from({ length: options.shards }, (_, id) => this.#createShard(id));
  }

  acceptsToken(token: string): boolean {
    return !this.isTokenRefused && token === this.options.token;
  }

  /** Throws a RangeError for a shard that does not exist. */
  shard(id: number): Shard {
    const shard = this.shards[id];
    if (!shard) throw new RangeError(`there is no shard ${id}, only 0 to ${this.shards.length - 1}`);
    return shard;
  }

  /** The session of a shard that still counts. */
  aliveSession(shard: Shard): Session | undefined {
    return shard.session?.isAlive(monotonicMs()) ? shard.session : undefined;
  }

  startSession(
    shard: Shard,
    asked: { intents: number; largeThreshold: number },
    connection: SessionConnection,
  ): Session {
    shard.state?.leaveVoice();
    const session = new Session(
      {
        id: randomBytes(16).toString('hex'),
        shard: shard.id,
        ...asked,
        replayCapacity: this.options.replayBound(shard.guilds.size),
        guilds: shard.guilds.all(),
      },
      connection,
    );
    shard.session = session;
    shard.sessions.push(session);
    return session;
  }

  /** The session that RESUME names; undefined when it is unknown, over, or to be forgotten. */
  findSession(sessionId: string): Session | undefined {
    const nowMs = monotonicMs();
    const shard = this.shards.find((candidate) => candidate.session?.id === sessionId);
    const session = shard?.session;
    if (!shard || !session?.isAlive(nowMs)) return undefined;
    if (!this.#forgottenShards.delete(shard.id)) return session;
    return undefined;
  }

  forgetSession(shard: Shard): void {
    this.#forgottenShards.add(shard.id);
  }

  noteCommand(shard: number, op: number, d: unknown): void {
    this.receivedCount += 1;
    this.received.push({ shard, op, d, at: Date.now() });
    if (this.received.length > MAX_RECEIVED) this.received.shift();
  }

  /** Dispatches one made-up event, if the session's intents ask for any. Runs per dispatch. */
  generate(shard: Shard, session: Session): void {
    if (shard.state) return void shard.state.happen(session);
    if (this.#random.below(MEMBERSHIP_CHANGE_EVERY) === 0) return this.#changeMembership(shard, session);
    const event = this.#events.next(shard.guilds.pick(this.#random), session.intents, this.#random);
    if (event) session.dispatch(event.t, event.d);
  }

  /** A shard at random, for pacing. */
  randomShard(): Shard {
    return this.#random.pick(this.shards);
  }

  /** Sends the next GUILD_CREATE after READY. Large, so it is made again on RESUME instead of kept. */
  dispatchNextGuild(session: Session): void {
    const guild = session.pendingGuilds.shift();
    if (!guild) return;
    const { state } = this.shard(session.shard);
    if (state) return state.introduce(guild, session);
    const render = () => renderGuildCreate(guild, this.users, true);
    session.dispatch('GUILD_CREATE', render(), render);
  }

  #createShard(id: number): Shard {
    const { shards, seed, guildSize } = this.options;
    const count = Math.floor((this.options.guilds + shards - 1 - id) / shards);
    const guilds = new GuildSet(id, shards, count);
    return {
      id,
      guilds,
      session: undefined,
      sessions: [],
      memberRequests: new MemberRequestLimit(this.options.memberRequestIntervalMs),
      state: this.options.guildState
        ? new ShardState({ shard: id, seed, guilds, size: guildSize, users: this.users })
        : undefined,
    };
  }

  #changeMembership(shard: Shard, session: Session): void {
    const left: Guild | undefined = this.#random.next() < 0.5 ? shard.guilds.leave() : undefined;
    if (left) {
      session.dispatch('GUILD_DELETE', `{"id":"${left.id}"}`);
      return;
    }
    const joined = shard.guilds.join();
    session.dispatch('GUILD_CREATE', renderGuildCreate(joined, this.users, false));
  }
}
