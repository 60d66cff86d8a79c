/**
 * Lets IDENTIFYs through as Discord allows them: one per `shard_id % max_concurrency` bucket in five seconds, first come
 * first served, and none that would eat into the reserve of the daily budget, because using that up makes Discord reset
 * the bot's token. This is the gate of a node alone; its slots are kept by an `IdentifySlots` port, so that a node that
 * died and came back remembers what it has just spent.
 */
import { IDENTIFY_INTERVAL_MS } from '../protocol/limits.ts';
import { abortable } from '../runtime/abortable.ts';
import type { Clock } from '../runtime/clock.ts';

/**
 * Added to Discord's interval: it counts at its end, and an IDENTIFY that was slow on its way may be followed by one
 * that was not.
 */
const MARGIN_MS = 100;

/** Where the time of each bucket's last IDENTIFY is kept. Times are Unix ms. */
export interface IdentifySlots {
  lastIdentifyAtMs(bucket: number): number;
  /** Written before the IDENTIFY is sent; lasting when it returns. */
  recordIdentify(bucket: number, atMs: number): void;
}

/** Discord's `session_start_limit`, with the reset as a Unix time. */
export interface IdentifyBudget {
  readonly maxConcurrency: number;
  readonly remaining: number;
  readonly resetAtMs: number;
}

export interface IdentifyGateOptions {
  readonly slots: IdentifySlots;
  readonly clock: Clock;
  /** IDENTIFYs of the budget that are never spent. */
  readonly reserve: number;
  /** Asks Discord, at the start and after the budget's reset. Retries by itself and never rejects. */
  readonly fetchBudget: () => Promise<IdentifyBudget>;
  readonly onBudgetHeld: (held: { remaining: number; reserve: number; waitMs: number }) => void;
  readonly identifyIntervalMs?: number;
}

export class IdentifyGate {
  readonly #options: IdentifyGateOptions;
  readonly #intervalMs: number;
  /** Per bucket: the end of the line of those who wait. */
  readonly #lines = new Map<number, Promise<void>>();
  #budget: IdentifyBudget | undefined;
  #fetching: Promise<IdentifyBudget> | undefined;
  /** Places taken by those who still wait for the slot of their bucket. They outlive a reset: what they send counts after it. */
  #promised = 0;
  /** Those held by the budget, longest first. */
  readonly #held = new Set<{ readonly signal: AbortSignal; readonly wake: () => void }>();
  granted = 0;

  constructor(options: IdentifyGateOptions) {
    this.#options = options;
    this.#intervalMs = (options.identifyIntervalMs ?? IDENTIFY_INTERVAL_MS) + MARGIN_MS;
  }

  /** IDENTIFYs left today that nobody has taken, reserve included, or `undefined` before Discord was asked. */
  get remaining(): number | undefined {
    return this.#budget && this.#budget.remaining - this.#promised;
  }

  /** Resolves when the shard may IDENTIFY: the caller sends it at once. Rejects when `signal` aborts, never else. */
  async wait(shardId: number, signal: AbortSignal): Promise<void> {
    const { maxConcurrency } = this.#budget ?? (await abortable(this.#fetchBudget(), signal));
    const bucket = shardId % maxConcurrency;
    const before = this.#lines.get(bucket) ?? Promise.resolve();
    const turn = before.then(() => this.#takeSlot(bucket, signal));
    const settled = turn.catch(() => undefined);
    this.#lines.set(bucket, settled);
    await abortable(turn, signal);
  }

  async #takeSlot(bucket: number, signal: AbortSignal): Promise<void> {
    const { clock, slots } = this.#options;
    await this.#takeFromBudget(signal);
    try {
      const waitMs = slots.lastIdentifyAtMs(bucket) + this.#intervalMs - clock.now();
      // A slot in the future was kept while the machine's clock was wrong.
      await this.#sleep(Math.min(waitMs, this.#intervalMs), signal);
      signal.throwIfAborted();
    } catch (error) {
      this.#promised--;
      this.#wakeOneHeld();
      throw error;
    }
    this.#promised--;
    if (this.#budget) this.#budget = { ...this.#budget, remaining: this.#budget.remaining - 1 };
    slots.recordIdentify(bucket, clock.now());
    this.granted++;
  }

  /** Checks and takes without an `await` between: shards of many buckets ask at the same moment. */
  async #takeFromBudget(signal: AbortSignal): Promise<void> {
    const { clock, reserve, onBudgetHeld } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const budget = this.#budget;
      if (!budget) {
        await abortable(this.#fetchBudget(), signal);
        continue;
      }
      const remaining = budget.remaining - this.#promised;
      if (remaining > reserve) {
        this.#promised++;
        return;
      }
      const { resetAtMs } = budget;
      const waitMs = Math.max(1_000, resetAtMs - clock.now());
      const untilMs = clock.now() + waitMs;
      onBudgetHeld({ remaining, reserve, waitMs });
      await this.#hold(waitMs, signal);
      // Only the first of those who waited asks again; grants make copies, so the reset tells one budget from the next.
      if (clock.now() >= untilMs && this.#budget?.resetAtMs === resetAtMs) this.#budget = undefined;
    }
  }

  /** Until `waitMs` have passed, or a place was given back. */
  async #hold(waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = { signal, wake: resolve };
    this.#held.add(held);
    const timer = this.#options.clock.setTimer(resolve, waitMs);
    await abortable(promise, signal).finally(() => {
      timer[Symbol.dispose]();
      this.#held.delete(held);
    });
  }

  #wakeOneHeld(): void {
    for (const held of this.#held) {
      if (held.signal.aborted) continue;
      this.#held.delete(held);
      held.wake();
      return;
    }
  }

  #fetchBudget(): Promise<IdentifyBudget> {
    this.#fetching ??= this.#options
      .fetchBudget()
      .then((budget) => {
        this.#budget = budget;
        return budget;
      })
      .finally(() => {
        this.#fetching = undefined;
      });
    return this.#fetching;
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0) return;
    let timer: Disposable | undefined;
    const slept = new Promise<void>((resolve) => {
      timer = this.#options.clock.setTimer(resolve, ms);
    });
    await abortable(slept, signal).finally(() => timer?.[Symbol.dispose]());
  }
}
