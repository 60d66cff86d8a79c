/**
 * The limit of requests per second over all routes: the port by which it is asked for, and the one that a node alone uses.
 * https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
 */
import { GlobalPlaces } from './global-places.ts';

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
  /** It gives no more than this a second, as far as that is known. */
  readonly mostPerSecond?: number;
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

/** All of the limit is this process's. */
export class LocalGlobalBudget implements GlobalBudget {
  readonly mostPerSecond: number;
  readonly #places: GlobalPlaces;

  constructor({ limit, marginMs }: LocalGlobalBudgetOptions) {
    this.mostPerSecond = limit;
    this.#places = new GlobalPlaces(limit, marginMs);
  }

  take(nowMs: number): GlobalPlace | undefined {
    return this.#places.take(nowMs);
  }

  nextAtMs(nowMs: number): number {
    return this.#places.nextAtMs(nowMs);
  }

  /** When the places that are taken are free again. */
  exportState(nowMs: number): number[] {
    return this.#places.exportState(nowMs);
  }

  /** What was sent before a restart counts for as long as it would have. */
  importState(freeAtMs: readonly number[], nowMs: number): void {
    this.#places.importState(freeAtMs, nowMs);
  }
}
