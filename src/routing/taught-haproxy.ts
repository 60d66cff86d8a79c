/**
 * Keeps one HAProxy's stick table pointing at this node for the keys it was given, for as long as it lives: looks at the
 * process often, teaches what is new at once, and everything again when the process or this node's server id changed.
 * Failures are states, never exceptions: HAProxy's table is an optimisation (design §9).
 */
import type { Clock } from '../runtime/clock.ts';
import { HaproxyTable, type HaproxyTableOptions, type Inspection } from './haproxy-table.ts';
import { isSameProcess } from './server-state.ts';
import type { TeachingCounters, TeachingState } from './teaching-state.ts';

export interface TaughtHaproxyOptions extends Omit<HaproxyTableOptions, 'signal'> {
  readonly clock: Clock;
  /** Everything is taught again this often, in case the table was changed behind our back. */
  readonly intervalMs: number;
  /** How often to look whether it is still the same process, and to try again after a failure. */
  readonly watchIntervalMs: number;
  readonly onState: (state: TeachingState) => void;
}

type Phase =
  | { readonly name: 'idle'; readonly timer: Disposable | undefined }
  | { readonly name: 'teaching'; readonly done: Promise<void>; readonly again: boolean }
  | { readonly name: 'closed' };

export class TaughtHaproxy implements AsyncDisposable {
  readonly #options: TaughtHaproxyOptions;
  readonly #abort = new AbortController();
  readonly #table: HaproxyTable;
  #phase: Phase = { name: 'idle', timer: undefined };
  #state: TeachingState;
  readonly #firstLook = Promise.withResolvers<TeachingState>();
  #keys: ReadonlySet<string> = new Set();
  /** Keys that another node is about to teach: no longer taught, not yet forgotten. */
  #leaving: ReadonlySet<string> = new Set();
  /** Keys to teach in the next round: new ones, and those somebody may have changed. */
  #due = new Set<string>();
  /** What this HAProxy may hold for us; kept over its restarts, because a reload hands the table on. */
  readonly #taught = new Set<string>();
  #lastHurryAtMs = Number.NEGATIVE_INFINITY;
  #everythingTaughtAtMs = Number.NEGATIVE_INFINITY;
  #counters: TeachingCounters = { taughtKeysTotal: 0, failuresTotal: 0, lastSuccessMs: undefined };

  constructor(options: TaughtHaproxyOptions) {
    this.#options = options;
    this.#table = new HaproxyTable({ ...options, signal: this.#abort.signal });
    this.#state = { socket: options.socket, status: 'untried' };
  }

  get state(): TeachingState {
    return this.#state;
  }

  get counters(): TeachingCounters {
    return this.#counters;
  }

  /** How many keys this HAProxy holds for us, as far as we know. */
  get taughtKeys(): number {
    let count = 0;
    for (const key of this.#taught) if (this.#keys.has(key)) count += 1;
    return count;
  }

  /** Resolves after the first attempt to teach it. */
  get firstLook(): Promise<TeachingState> {
    return this.#firstLook.promise;
  }

  setKeys(keys: ReadonlySet<string>, leaving: ReadonlySet<string>): void {
    for (const key of keys) if (!this.#keys.has(key)) this.#due.add(key);
    this.#keys = keys;
    this.#leaving = leaving;
    this.#wake();
  }

  /** At once, but that only once in a watch interval: else the next look takes the keys along. */
  teachAgain(keys: Iterable<string>): void {
    for (const key of keys) if (this.#keys.has(key)) this.#due.add(key);
    const now = this.#options.clock.now();
    if (this.#due.size === 0 || now - this.#lastHurryAtMs < this.#options.watchIntervalMs) return;
    this.#lastHurryAtMs = now;
    this.#wake();
  }

  /** Resolves when the newest keys were taught, or the attempt failed. */
  async settled(): Promise<void> {
    if (this.#phase.name === 'teaching') await this.#phase.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const phase = this.#phase;
    this.#phase = { name: 'closed' };
    this.#abort.abort();
    if (phase.name === 'idle') phase.timer?.[Symbol.dispose]();
    if (phase.name === 'teaching') await phase.done;
  }

  #wake(): void {
    if (this.#phase.name === 'closed') return;
    if (this.#phase.name === 'teaching') {
      this.#phase = { ...this.#phase, again: true };
      return;
    }
    this.#phase.timer?.[Symbol.dispose]();
    this.#phase = { name: 'teaching', done: this.#teachUntilCurrent(), again: false };
  }

  async #teachUntilCurrent(): Promise<void> {
    do {
      await Promise.resolve(); // The phase is `teaching` only after this function has returned its promise.
      if (this.#phase.name === 'teaching') this.#phase = { ...this.#phase, again: false };
      await this.#attempt();
    } while (this.#phase.name === 'teaching' && this.#phase.again);
    if (this.#phase.name === 'closed') return;
    const { clock, watchIntervalMs } = this.#options;
    this.#phase = { name: 'idle', timer: clock.setTimer(() => this.#wake(), watchIntervalMs) };
  }

  async #attempt(): Promise<void> {
    try {
      await this.#round();
      this.#counters = { ...this.#counters, lastSuccessMs: this.#options.clock.now() };
    } catch (error) {
      if (this.#phase.name === 'closed') return;
      const diagnosis = this.#table.diagnose(error);
      this.#counters = { ...this.#counters, failuresTotal: this.#counters.failuresTotal + 1 };
      this.#enter({ socket: this.#options.socket, status: 'failing', ...diagnosis });
    } finally {
      this.#firstLook.resolve(this.#state);
    }
  }

  /** Brings the table up to date once. */
  async #round(): Promise<void> {
    const { intervalMs, clock, socket } = this.#options;
    const seen = await this.#table.inspect();
    const startedAtMs = clock.now();
    const everything = !this.#knows(seen) || startedAtMs - this.#everythingTaughtAtMs >= intervalMs;
    await this.#teach(everything ? this.#keys : this.#due, seen);
    if (everything) this.#everythingTaughtAtMs = startedAtMs;
    await this.#forget(seen);
    this.#enter({ socket, status: 'taught', ...seen });
  }

  /** A round that fails is followed by one that teaches everything, so nothing that is due gets lost. */
  async #teach(keys: ReadonlySet<string>, seen: Inspection): Promise<void> {
    const isOurs = (key: string) => this.#keys.has(key);
    const due = [...keys].filter(isOurs);
    this.#due = new Set();
    // Noted before they are sent: a command that times out may have been carried out.
    for (const key of due) this.#taught.add(key);
    await this.#table.teach(due, seen, isOurs);
    const { taughtKeysTotal } = this.#counters;
    this.#counters = { ...this.#counters, taughtKeysTotal: taughtKeysTotal + due.length };
  }

  async #forget(seen: Inspection): Promise<void> {
    const isGone = (key: string) => !this.#keys.has(key) && !this.#leaving.has(key);
    const gone = [...this.#taught].filter(isGone);
    await this.#table.forget(gone, seen, isGone);
    for (const key of gone) if (!this.#leaving.has(key)) this.#taught.delete(key);
  }

  /** Whether the state already says that this process has been taught for this server. */
  #knows({ process, server }: Inspection): boolean {
    const state = this.#state;
    return (
      state.status === 'taught' && isSameProcess(state.process, process) && state.server.id === server.id
    );
  }

  #enter(next: TeachingState): void {
    const before = this.#state;
    const wasKnown = next.status === 'taught' && this.#knows(next);
    this.#state = next;
    const isSame =
      next.status === 'failing'
        ? before.status === 'failing' && before.problem === next.problem
        : next.status === before.status && wasKnown;
    if (!isSame) this.#options.onState(next);
  }
}
