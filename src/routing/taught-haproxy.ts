/**
 * Keeps one HAProxy's stick table pointing at this node for the keys it was given, for as long as it lives: looks at the
 * process often, teaches what is new at once, and everything again when the process or this node's server id changed.
 * Failures are states, never exceptions: HAProxy's table is an optimisation (design §9).
 */
import type { Clock } from '../runtime/clock.ts';
import type { TeachingProblem } from './diagnosis.ts';
import { HaproxyTable, type HaproxyTableOptions, type Inspection } from './haproxy-table.ts';
import { type BackendServer, type HaproxyProcess, isSameProcess } from './server-state.ts';

/** What is known of one HAProxy. */
export type TeachingState =
  | { readonly socket: string; readonly status: 'untried' }
  | {
      readonly socket: string;
      readonly status: 'taught';
      readonly process: HaproxyProcess;
      readonly server: BackendServer;
    }
  | {
      readonly socket: string;
      readonly status: 'failing';
      readonly problem: TeachingProblem;
      /** A sentence that says what to do. */
      readonly reason: string;
    };

/** Numbers for metrics; the totals only grow. */
export interface TeachingCounters {
  /** Keys set in the table, repeated teaching included. */
  readonly taughtKeysTotal: number;
  /** Attempts that failed, one or more for a failure that lasts. */
  readonly failuresTotal: number;
  /** When the table was last known to be as it should, on the clock given; undefined before. */
  readonly lastSuccessMs: number | undefined;
}

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
  #keys: ReadonlySet<string> = new Set();
  /** What this HAProxy may hold for us; kept over its restarts, because a reload hands the table on. */
  readonly #taught = new Set<string>();
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
    return this.#taught.size;
  }

  setKeys(keys: ReadonlySet<string>): void {
    this.#keys = keys;
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
    }
  }

  /** Brings the table up to date once. */
  async #round(): Promise<void> {
    const { intervalMs, clock, socket } = this.#options;
    const keys = this.#keys;
    const seen = await this.#table.inspect();
    const startedAtMs = clock.now();
    const everything = !this.#knows(seen) || startedAtMs - this.#everythingTaughtAtMs >= intervalMs;
    const dueKeys = everything ? keys : difference(keys, this.#taught);
    // Noted before they are sent: a command that times out may have been carried out.
    for (const key of dueKeys) this.#taught.add(key);
    await this.#table.teach(dueKeys, seen);
    const { taughtKeysTotal } = this.#counters;
    this.#counters = { ...this.#counters, taughtKeysTotal: taughtKeysTotal + dueKeys.size };
    if (everything) this.#everythingTaughtAtMs = startedAtMs;
    const goneKeys = difference(this.#taught, keys);
    await this.#table.forget(goneKeys, seen);
    for (const key of goneKeys) this.#taught.delete(key);
    this.#enter({ socket, status: 'taught', ...seen });
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

function difference(keys: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> {
  return new Set([...keys].filter((key) => !others.has(key)));
}
