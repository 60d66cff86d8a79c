/** Who has asked for what, and waits. Bounded for each asker and as a whole. */
import { SENDS_PER_WINDOW } from '../protocol/limits.ts';
import type { Asker, GuildRequest, Submission } from './ports.ts';

/** Requests of one asker that may be unanswered: as many as it may send in two windows, the time that an answer takes at most. */
export const MAX_UNANSWERED_PER_ASKER = 2 * SENDS_PER_WINDOW;

/** One request of one asker until it is answered. */
export class Ask {
  readonly request: GuildRequest;
  readonly asker: Asker;
  /** Guilds of a soundboard request that nobody has looked at yet. */
  readonly guildIds: string[];
  /** Those of them that only Discord knows. */
  readonly unknownGuildIds: string[] = [];
  /** Answers that are still to come from elsewhere. */
  open = 0;
  /** RATE_LIMITEDs it has had. */
  refusals = 0;
  /** Guilds about which Discord was asked for it, and has not answered. */
  readonly silentGuildIds = new Set<string>();
  /** All sets that it is in: with the asker it leaves them. */
  readonly places = new Set<Set<Ask>>();

  constructor(request: GuildRequest, asker: Asker) {
    this.request = request;
    this.asker = asker;
    this.guildIds = 'guild_ids' in request.d ? [...new Set(request.d.guild_ids)] : [];
  }

  get nonce(): string | undefined {
    return 'nonce' in this.request.d ? this.request.d.nonce : undefined;
  }

  enter(place: Set<Ask>): void {
    place.add(this);
    this.places.add(place);
  }

  leave(place: Set<Ask>): void {
    place.delete(this);
    this.places.delete(place);
  }

  leaveAll(): void {
    for (const place of this.places) place.delete(this);
    this.places.clear();
  }
}

interface Standing {
  /** Those that are looked at next, in order. */
  readonly waiting: Ask[];
  /** Those that are not answered yet, `waiting` included. */
  readonly unanswered: Set<Ask>;
}

export class Asks {
  readonly #maxUnanswered: number;
  readonly #standings = new Map<Asker, Standing>();
  unanswered = 0;

  constructor(maxUnanswered: number) {
    this.#maxUnanswered = maxUnanswered;
  }

  add(ask: Ask): Submission {
    const standing = this.#standings.get(ask.asker) ?? { waiting: [], unanswered: new Set() };
    if (standing.unanswered.size >= MAX_UNANSWERED_PER_ASKER) return 'sender-full';
    if (this.unanswered >= this.#maxUnanswered) return 'full';
    this.#standings.set(ask.asker, standing);
    standing.unanswered.add(ask);
    standing.waiting.push(ask);
    this.unanswered++;
    return 'queued';
  }

  next(asker: Asker): Ask | undefined {
    return this.#standings.get(asker)?.waiting.shift();
  }

  /** There is more of it to do, before others of its asker. */
  putFirst(ask: Ask): void {
    this.#standings.get(ask.asker)?.waiting.unshift(ask);
  }

  /** It is to be looked at again. */
  putBack(ask: Ask): void {
    const standing = this.#standings.get(ask.asker);
    if (!standing?.unanswered.has(ask) || standing.waiting.includes(ask)) return;
    standing.waiting.push(ask);
    ask.asker.wake();
  }

  /** It is answered as far as it can be now: at an end, unless there is more of it to come or to be looked at. */
  settle(ask: Ask): void {
    if (ask.open <= 0 && ask.guildIds.length + ask.unknownGuildIds.length === 0) this.end(ask);
  }

  /** It is answered, or will never be. */
  end(ask: Ask): void {
    ask.leaveAll();
    const standing = this.#standings.get(ask.asker);
    if (!standing?.unanswered.delete(ask)) return;
    this.unanswered--;
    if (standing.unanswered.size === 0) this.#standings.delete(ask.asker);
  }

  /** The asker is gone, and with it all that it has asked. */
  leave(asker: Asker): void {
    for (const ask of this.#standings.get(asker)?.unanswered ?? []) this.end(ask);
  }
}
