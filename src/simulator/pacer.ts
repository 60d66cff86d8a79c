/**
 * The simulator's one timer: generates events at a rate, hands out GUILD_CREATEs, looks for silent clients.
 */
import type { Application } from './application.ts';
import { monotonicMs } from './clock.ts';

const TICK_MS = 5;

/** What a stalled process makes up for at most. */
const MAX_CATCH_UP_MS = 1_000;

/** GUILD_CREATEs a tick over all shards, so that thousands of guilds don't block the process. */
const GUILDS_PER_TICK = 40;

/** A connection with this much unsent gets no further GUILD_CREATE for now. */
const MAX_UNSENT_FOR_GUILDS = 1024 * 1024;

export class Pacer implements Disposable {
  readonly #application: Application;
  readonly #onTick: (stalledMs: number) => void;
  readonly #timer: NodeJS.Timeout;
  #eventsPerSecond: number;
  #owed = 0;
  #lastTickMs = monotonicMs();

  /** `onTick` is told by how much the tick came late. */
  constructor(application: Application, eventsPerSecond: number, onTick: (stalledMs: number) => void) {
    this.#application = application;
    this.#eventsPerSecond = eventsPerSecond;
    this.#onTick = onTick;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Over all shards; those without a session take their share with them. */
  setRate(eventsPerSecond: number): void {
    this.#eventsPerSecond = eventsPerSecond;
    this.#owed = 0;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = monotonicMs();
    const elapsedMs = nowMs - this.#lastTickMs;
    this.#lastTickMs = nowMs;
    this.#onTick(Math.max(0, elapsedMs - TICK_MS));
    this.#sendGuilds();
    this.#owed += (this.#eventsPerSecond * Math.min(elapsedMs, MAX_CATCH_UP_MS)) / 1000;
    for (; this.#owed >= 1; this.#owed -= 1) this.#generateOne();
  }

  #generateOne(): void {
    const shard = this.#application.randomShard();
    const session = this.#application.aliveSession(shard);
    // Discord has no events of a guild before it has told of the guild.
    if (session && session.pendingGuilds.length === 0) this.#application.generate(shard, session);
  }

  #sendGuilds(): void {
    let left = GUILDS_PER_TICK;
    for (let isSending = true; isSending && left > 0; ) {
      isSending = false;
      for (const shard of this.#application.shards) {
        const session = this.#application.aliveSession(shard);
        if (!session || session.pendingGuilds.length === 0) continue;
        const { phase } = session;
        if (phase.kind === 'attached' && phase.connection.unsentBytes > MAX_UNSENT_FOR_GUILDS) continue;
        this.#application.dispatchNextGuild(session);
        isSending = true;
        left -= 1;
      }
    }
  }
}
