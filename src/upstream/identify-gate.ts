/**
 * Lets IDENTIFYs through as Discord allows them: one per `shard_id % max_concurrency` bucket in five seconds, first come
 * first served, and none that would eat into the reserve of the daily budget, because using that up makes Discord reset
 * the bot's token. What has been spent, and whose turn it is, is kept by an `IdentifySlots` store that all nodes of the
 * application share. While that can't be reached nobody is let through.
 */
import type { Clock } from '../runtime/clock.ts';
import { type Held, IdentifyLine } from './identify-line.ts';
import type { IdentifyBudget, IdentifySlots } from './ports.ts';
import { SharedCall } from './shared-call.ts';
import { StoreCalls } from './store-calls.ts';

export interface IdentifyGateOptions {
  readonly slots: IdentifySlots;
  readonly clock: Clock;
  /** In [0, 1), for back-off. */
  readonly random: () => number;
  /** IDENTIFYs of the budget that are never spent. */
  readonly reserve: number;
  /** Asks Discord, at the start and after the budget's reset. Retries by itself and never rejects. */
  readonly fetchBudget: () => Promise<IdentifyBudget>;
  /** IDENTIFYs wait for the budget's reset; told once until one goes on. */
  readonly onBudgetHeld: (held: { remaining: number; reserve: number; waitMs: number }) => void;
  /** The store can't be reached; told once until it answers. */
  readonly onStoreProblem: (reason: string) => void;
  readonly onStoreRecovered?: () => void;
}

/** How many shards of this node wait to IDENTIFY, by what for: their bucket, the budget (or Discord's word on it), the store. */
export interface IdentifyWaiting {
  readonly slot: number;
  readonly budget: number;
  readonly store: number;
}

/** A budget that resets at once would be asked for over and over. */
const MIN_RESET_MS = 1_000;

export class IdentifyGate {
  readonly #options: IdentifyGateOptions;
  readonly #store: StoreCalls;
  /** By bucket. */
  readonly #lines = new Map<number, IdentifyLine>();
  readonly #readingBudget = new SharedCall((signal) => this.#readBudget(signal));
  readonly #askingDiscord = new SharedCall((signal) => this.#askDiscord(signal));
  /** As last heard of, less what was granted here since. */
  #lastBudget: IdentifyBudget | undefined;
  #calls = 0;
  #waiting = 0;
  granted = 0;

  constructor(options: IdentifyGateOptions) {
    this.#options = options;
    this.#store = new StoreCalls(options);
  }

  /** IDENTIFYs left today over all nodes, reserve included, as last heard of; `undefined` until one was needed. */
  get remaining(): number | undefined {
    return this.#lastBudget?.remaining;
  }

  get waiting(): IdentifyWaiting {
    if (this.#store.isFailing) return { slot: 0, budget: 0, store: this.#waiting };
    const slot = this.#countInLines((line) => line.waitsFor === 'slot');
    return { slot, budget: this.#waiting - slot, store: 0 };
  }

  /** Whether IDENTIFYs wait because the budget is down to the reserve. */
  get isBudgetHeld(): boolean {
    return this.#countInLines((line) => line.waitsFor === 'budget') > 0;
  }

  /** Resolves when the shard may IDENTIFY: the caller sends it at once. Rejects when `signal` aborts, never else. */
  async wait(shardId: number, signal: AbortSignal): Promise<void> {
    const number = this.#calls++;
    this.#waiting++;
    try {
      for (;;) {
        const { maxConcurrency } = await this.#readingBudget.join(signal);
        if (await this.#line(shardId % maxConcurrency).join(number, signal)) return;
      }
    } finally {
      this.#waiting--;
    }
  }

  #line(bucket: number): IdentifyLine {
    const existing = this.#lines.get(bucket);
    if (existing) return existing;
    const { slots, clock, reserve } = this.#options;
    const line = new IdentifyLine({
      bucket,
      slots,
      store: this.#store,
      clock,
      reserve,
      askDiscord: (signal) => this.#askingDiscord.join(signal),
      onGranted: () => this.#onGranted(),
      onSent: () => this.#refresh(),
      onHeld: (held) => this.#onHeld(held),
    });
    this.#lines.set(bucket, line);
    return line;
  }

  #countInLines(isMeant: (line: IdentifyLine) => boolean): number {
    let count = 0;
    for (const line of this.#lines.values()) if (isMeant(line)) count += line.length;
    return count;
  }

  /** What the store knows, else what Discord says. */
  async #readBudget(signal: AbortSignal): Promise<IdentifyBudget> {
    for (;;) {
      const budget = await this.#store.untilAnswered(() => this.#options.slots.budget(), signal);
      if (budget) return this.#learn(budget);
      await this.#askingDiscord.join(signal);
    }
  }

  async #askDiscord(signal: AbortSignal): Promise<void> {
    const { slots, fetchBudget } = this.#options;
    const mark = await this.#store.untilAnswered(() => slots.markBudget(), signal);
    const answer = await fetchBudget();
    const budget = { ...answer, resetAfterMs: Math.max(MIN_RESET_MS, answer.resetAfterMs) };
    await this.#store.untilAnswered(() => slots.setBudget(budget, mark), signal);
    this.#learn(budget);
  }

  #learn(budget: IdentifyBudget): IdentifyBudget {
    const isOther = this.#lastBudget && this.#lastBudget.maxConcurrency !== budget.maxConcurrency;
    this.#lastBudget = budget;
    if (isOther) for (const line of this.#lines.values()) line.dissolve();
    return budget;
  }

  #onGranted(): void {
    this.granted++;
    const last = this.#lastBudget;
    if (last) this.#lastBudget = { ...last, remaining: last.remaining - 1 };
  }

  #onHeld({ remaining, waitMs }: Held): void {
    const isKnown = this.isBudgetHeld;
    if (this.#lastBudget) this.#lastBudget = { ...this.#lastBudget, remaining };
    if (!isKnown) this.#options.onBudgetHeld({ remaining, reserve: this.#options.reserve, waitMs });
  }

  /** What other nodes have spent meanwhile. Only for metrics: a failure is told by who needs the store. */
  #refresh(): void {
    this.#options.slots.budget().then(
      (budget) => budget && this.#learn(budget),
      () => undefined,
    );
  }
}
