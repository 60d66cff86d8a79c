/**
 * The identify slots of a node alone: lines and budget in memory, the last uses in a file too, where there is one. The budget
 * is not worth keeping: after a restart Discord is asked.
 */
import { IDENTIFY_INTERVAL_MS } from '../../protocol/limits.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { IdentifyBudget, IdentifySlots, SlotAnswer } from '../../upstream/index.ts';
import { PLACE_MARGIN_MS, TAKE_MARGIN_MS } from '../identify-spacing.ts';
import type { IdentifySlotsFile } from './identify-slots-file.ts';

export interface EmbeddedIdentifySlotsOptions {
  readonly clock: Clock;
  /** Left out: they last as long as the process. */
  readonly file?: IdentifySlotsFile;
  /** Discord's. */
  readonly intervalMs?: number;
}

interface KnownBudget {
  readonly maxConcurrency: number;
  readonly remaining: number;
  readonly resetAtMs: number;
}

export class EmbeddedIdentifySlots implements IdentifySlots {
  readonly #clock: Clock;
  readonly #file: IdentifySlotsFile | undefined;
  readonly #intervalMs: number;
  readonly #beganAtMs: number;
  readonly #lastUsedAtMs = new Map<number, number>();
  /** By bucket: the last place given away. */
  readonly #lastPlaceAtMs = new Map<number, number>();
  #budget: KnownBudget | undefined;
  /** All that were ever taken; marks are readings of it. */
  #taken = 0;

  constructor({ clock, file, intervalMs = IDENTIFY_INTERVAL_MS }: EmbeddedIdentifySlotsOptions) {
    this.#clock = clock;
    this.#file = file;
    this.#intervalMs = intervalMs;
    this.#beganAtMs = clock.now();
  }

  async reserve(bucket: number): Promise<{ readonly waitMs: number }> {
    const nowMs = this.#clock.now();
    const beforeAtMs = Math.max(
      this.#usedAtMs(bucket),
      this.#lastPlaceAtMs.get(bucket) ?? Number.NEGATIVE_INFINITY,
    );
    const placeAtMs = Math.max(nowMs, beforeAtMs + this.#intervalMs + PLACE_MARGIN_MS);
    this.#lastPlaceAtMs.set(bucket, placeAtMs);
    return { waitMs: placeAtMs - nowMs };
  }

  async take(bucket: number, reserve: number): Promise<SlotAnswer> {
    const nowMs = this.#clock.now();
    const budget = this.#currentBudget(nowMs);
    if (!budget) return { kind: 'budget-unknown' };
    const { remaining, resetAtMs } = budget;
    if (remaining <= reserve) return { kind: 'held', remaining, waitMs: resetAtMs - nowMs };
    const waitMs = this.#usedAtMs(bucket) + this.#intervalMs + TAKE_MARGIN_MS - nowMs;
    if (waitMs > 0) return { kind: 'wait', waitMs };
    this.#budget = { ...budget, remaining: remaining - 1 };
    this.#taken++;
    this.#use(bucket, nowMs);
    return { kind: 'granted' };
  }

  async noteSent(bucket: number): Promise<void> {
    this.#use(bucket, this.#clock.now());
  }

  async markBudget(): Promise<number> {
    return this.#taken;
  }

  async setBudget({ maxConcurrency, remaining, resetAfterMs }: IdentifyBudget, mark: number): Promise<void> {
    this.#budget = {
      maxConcurrency,
      remaining: remaining - (this.#taken - mark),
      resetAtMs: this.#clock.now() + resetAfterMs,
    };
  }

  async budget(): Promise<IdentifyBudget | undefined> {
    const nowMs = this.#clock.now();
    const budget = this.#currentBudget(nowMs);
    if (!budget) return undefined;
    const { maxConcurrency, remaining, resetAtMs } = budget;
    return { maxConcurrency, remaining, resetAfterMs: resetAtMs - nowMs };
  }

  #currentBudget(nowMs: number): KnownBudget | undefined {
    if (this.#budget && this.#budget.resetAtMs <= nowMs) this.#budget = undefined;
    return this.#budget;
  }

  #usedAtMs(bucket: number): number {
    const usedAtMs = this.#lastUsedAtMs.get(bucket);
    if (usedAtMs !== undefined) return usedAtMs;
    const before = this.#file?.lastUsedAtMs(bucket);
    // A use that is later than the beginning was written while the machine's clock was wrong.
    if (before !== undefined) return Math.min(before, this.#beganAtMs);
    return this.#file?.isComplete ? Number.NEGATIVE_INFINITY : this.#beganAtMs;
  }

  #use(bucket: number, atMs: number): void {
    this.#lastUsedAtMs.set(bucket, atMs);
    this.#file?.write(bucket, atMs);
  }
}
