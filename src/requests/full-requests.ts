/**
 * One request for all members of a guild in 30 s, whatever workers ask for: who has the turn, and who waits for the next.
 * https://discord.com/developers/docs/events/gateway-events#request-guild-members
 */
import { FULL_MEMBER_REQUEST_INTERVAL_MS } from '../protocol/limits.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Ask } from './asks.ts';

/** Discord counts from when a request arrives: one that took long to get there makes the next one seem early. */
const MARGIN_MS = 1_000;

const INTERVAL_MS = FULL_MEMBER_REQUEST_INTERVAL_MS + MARGIN_MS;

/** No turn lasts longer, whatever Discord says; a timer of more than 24 days would be due at once. */
const MAX_TURN_MS = 24 * 60 * 60 * 1_000;

interface Turn {
  readonly waiting: Set<Ask>;
  /** Until the next turn; none before the request is sent. */
  timer: Disposable | undefined;
  /** When the timer is due. */
  endsAtMs: number;
}

export interface FullRequestsOptions {
  readonly clock: Clock;
  /** It may be looked at again. */
  readonly onReleased: (ask: Ask) => void;
}

export class FullRequests implements Disposable {
  readonly #options: FullRequestsOptions;
  readonly #turns = new Map<string, Turn>();
  /** Until then a guild that nobody here has asked about may have been asked about by another process. */
  #inheritedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: FullRequestsOptions) {
    this.#options = options;
  }

  /** The session was another process's until now, and nobody here knows which turns that has taken. */
  inherit(): void {
    this.#inheritedUntilMs = this.#options.clock.now() + INTERVAL_MS;
  }

  /** Takes the guild's turn where it is free. */
  take(guildId: string): boolean {
    if (this.#turns.has(guildId)) return false;
    const inheritedMs = this.#inheritedUntilMs - this.#options.clock.now();
    if (inheritedMs > 0) {
      this.#endAfter(guildId, inheritedMs);
      return false;
    }
    this.#turns.set(guildId, newTurn());
    return true;
  }

  /** The request of this turn was not sent after all. */
  giveBack(guildId: string): void {
    if (this.#turns.get(guildId)?.timer === undefined) this.#end(guildId);
  }

  sent(guildId: string): void {
    this.#endAfter(guildId, INTERVAL_MS);
  }

  /** Discord has not taken the request of this turn, and has said when it will take the next. */
  refused(guildId: string, retryAfterMs: number): void {
    this.#endAfter(guildId, retryAfterMs + MARGIN_MS);
  }

  /** Discord has said so of another request about the guild: a turn that lasts longer does so still. */
  limited(guildId: string, retryAfterMs: number): void {
    const turn = this.#turns.get(guildId);
    // It begins when its request is sent, and lasts as long as any.
    if (turn && !turn.timer) return;
    const leftMs = turn ? turn.endsAtMs - this.#options.clock.now() : 0;
    this.#endAfter(guildId, Math.max(leftMs, retryAfterMs + MARGIN_MS));
  }

  /** Until the turn is over, or `release`. */
  wait(guildId: string, ask: Ask): void {
    const turn = this.#turns.get(guildId);
    if (turn) ask.enter(turn.waiting);
    else this.#options.onReleased(ask);
  }

  /** Those that wait may be looked at again: there may be an answer without a request. */
  release(guildId: string): void {
    for (const ask of this.#turns.get(guildId)?.waiting ?? []) {
      ask.leaveAll();
      this.#options.onReleased(ask);
    }
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#turns.values()) timer?.[Symbol.dispose]();
    this.#turns.clear();
  }

  #endAfter(guildId: string, wantedMs: number): void {
    const { clock } = this.#options;
    const turn = this.#turns.get(guildId) ?? newTurn();
    const ms = Math.min(wantedMs, MAX_TURN_MS);
    turn.timer?.[Symbol.dispose]();
    turn.timer = clock.setTimer(() => this.#end(guildId), ms);
    turn.endsAtMs = clock.now() + ms;
    this.#turns.set(guildId, turn);
  }

  #end(guildId: string): void {
    const turn = this.#turns.get(guildId);
    if (!turn) return;
    turn.timer?.[Symbol.dispose]();
    this.#turns.delete(guildId);
    for (const ask of turn.waiting) {
      ask.leaveAll();
      this.#options.onReleased(ask);
    }
  }
}

function newTurn(): Turn {
  return { waiting: new Set(), timer: undefined, endsAtMs: 0 };
}
