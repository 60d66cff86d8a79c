/**
 * The limit of requests per second over all routes: the port by which it is asked for, and the one that a node alone uses.
 * https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
 */

/** One request's part of the limit. */
export interface GlobalPlace {
  /** It leaves only now: it had to wait for a connection. */
  sent(nowMs: number): void;
  /** Discord has answered: the request was counted before now. */
  answered(nowMs: number): void;
  /** It never reached Discord. */
  unused(): void;
}

/** Never awaited: what is shared between nodes is leased beforehand. */
export interface GlobalBudget {
  take(nowMs: number): GlobalPlace | undefined;
  /** When it is worth asking again; at or before `nowMs` where there is room. */
  nextAtMs(nowMs: number): number;
}

export interface LocalGlobalBudgetOptions {
  /** 50 for most applications. */
  readonly limit: number;
  /**
   * By how much the way to Discord may take longer for one request than for another. Costs at most
   * `marginMs / (1000 + marginMs)` of the limit: 4.8 % with 50 ms.
   */
  readonly marginMs: number;
}

const WINDOW_MS = 1_000;
/** What a request's answer says of when it was counted is trusted up to this much. */
const ANSWER_MARGIN_MS = 5;

interface Place {
  freeAtMs: number;
  sentMs: number;
  turn: number;
}

/**
 * So many places, each free again a second after its request was counted at the latest. That is taken to be `marginMs`
 * after it was sent; or, where that is earlier, when its answer came less the shortest time that any answer took, as no
 * request's way is shorter. So no more than `limit` arrive in any second, whatever the phase of Discord's windows.
 */
export class LocalGlobalBudget implements GlobalBudget {
  readonly #marginMs: number;
  readonly #places: Place[];
  #fastestMs = Number.POSITIVE_INFINITY;

  constructor({ limit, marginMs }: LocalGlobalBudgetOptions) {
    this.#marginMs = marginMs;
    this.#places = Array.from({ length: limit }, () => ({ freeAtMs: 0, sentMs: 0, turn: 0 }));
  }

  take(nowMs: number): GlobalPlace | undefined {
    const place = this.#places.find(({ freeAtMs }) => freeAtMs <= nowMs);
    if (!place) return undefined;
    const freeBeforeMs = place.freeAtMs;
    const turn = ++place.turn;
    place.sentMs = nowMs;
    place.freeAtMs = nowMs + this.#marginMs + WINDOW_MS;
    return {
      sent: (atMs) => {
        if (place.turn !== turn) return;
        place.sentMs = atMs;
        place.freeAtMs = Math.max(place.freeAtMs, atMs + this.#marginMs + WINDOW_MS);
      },
      answered: (atMs) => place.turn === turn && this.#answered(place, atMs),
      unused: () => {
        if (place.turn === turn) place.freeAtMs = freeBeforeMs;
      },
    };
  }

  nextAtMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { freeAtMs } of this.#places) if (freeAtMs < nextMs) nextMs = freeAtMs;
    return nextMs;
  }

  /** When the places that are taken are free again. */
  exportState(nowMs: number): number[] {
    return this.#places.map(({ freeAtMs }) => freeAtMs).filter((freeAtMs) => freeAtMs > nowMs);
  }

  /** What was sent before a restart counts for as long as it would have. */
  importState(freeAtMs: readonly number[], nowMs: number): void {
    const longestMs = nowMs + WINDOW_MS + this.#marginMs;
    for (const [at, place] of this.#places.entries()) {
      place.freeAtMs = Math.min(longestMs, Math.max(place.freeAtMs, freeAtMs[at] ?? 0));
    }
  }

  #answered(place: Place, atMs: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, atMs - place.sentMs);
    const countedByMs = atMs - this.#fastestMs + ANSWER_MARGIN_MS;
    place.freeAtMs = Math.min(place.freeAtMs, countedByMs + WINDOW_MS);
  }
}
