/**
 * Writes the guilds of one shard behind, in rounds: all that has changed since they were last stored, then a checkpoint that says up
 * to where the round goes. What the store makes of it (files, Redis) is its business; how bytes come about is storing.ts.
 *
 * Two rules make what is stored and the stored tail one view of the log. The tail reaches back to the checkpoint: a round begins when
 * the tail has gone on by a share of its window. And no guild is stored ahead of the tail: after a crash its future would be sent to
 * workers again.
 */
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { reasonOf } from '../runtime/reason-of.ts';
import type { Mergeable, MergeRounds } from './merge-rounds.ts';
import { type GuildCheckpoint, type GuildStore, StoredGuildsLostError, type TailProgress } from './ports.ts';
import type { GuildSnapshots } from './snapshots.ts';
import type { StoringBatch, StoringRound } from './storing-round.ts';
import { TailWait } from './tail-wait.ts';

/** What the stored tail holds at least. */
export interface StoredWindow {
  /** As `TailProgress.writtenBytes` counts them. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface GuildWriterOptions {
  readonly snapshots: GuildSnapshots;
  readonly store: GuildStore;
  readonly tail: TailProgress;
  readonly window: StoredWindow;
  /** What is the same in all checkpoints of the session. */
  readonly session: Pick<GuildCheckpoint, 'epoch' | 'off'>;
  /** Shares the time for it among the shards of a node. */
  readonly rounds: MergeRounds;
  readonly clock: Clock;
  /**
   * What is stored goes up to this dispatch, and is gone on with; or is of no use: then it begins with a checkpoint, which holds with
   * nothing stored.
   */
  readonly from: number | GuildCheckpoint;
  /** Another writer's last call, which is to be over before this one's first. */
  readonly after: Promise<unknown>;
  /** Whether trying again is of no use: the shard is another's. */
  readonly isFinal: (error: unknown) => boolean;
  readonly onFailing: (reason: string) => void;
  readonly onRecovered: () => void;
  /** The tail may no longer reach back to what is stored: a takeover now would know no guilds. */
  readonly onOutrun: () => void;
}

/** Of the tail's window, what goes by from one round to the next; the rest is for the round itself. */
const ROUND_SHARE = 1 / 2;

const RETRY = { firstMs: 250, maxMs: 5_000 };

/** What is stored in part: a loader finds that no tail reaches back to it, and no guild in it. */
export const NOTHING_KNOWN = { sequence: 0, guildIds: [], ownUser: undefined };

/** It has been stopped; nobody waits for what it was about. */
class WriterStopped extends Error {
  override name = 'WriterStopped';
}

type Phase =
  /** The timer is for what has been written and is not followed by more. */
  | { readonly kind: 'idle'; readonly timer?: Disposable | undefined }
  | { readonly kind: 'writing'; readonly task: Promise<void> }
  | { readonly kind: 'backing-off'; readonly timer: Disposable }
  | { readonly kind: 'over'; readonly ended: Promise<void> };

/** How far the tail had come. */
interface Mark {
  readonly sequence: number;
  readonly tailBytes: number;
  readonly atMs: number;
}

export class GuildWriter implements Mergeable {
  readonly #options: GuildWriterOptions;
  #phase: Phase = { kind: 'idle' };
  #beginning: GuildCheckpoint | undefined;
  /** When the last round began, and the one that was last completed; `undefined`: none of this writer's. */
  #begun: Mark | undefined;
  #committed: Mark;
  #isOutrun = false;
  #failures = 0;
  readonly #tailWait: TailWait;
  /** The round whose next batch is being taken, in turns. */
  #filling: { readonly round: StoringRound; readonly done: PromiseWithResolvers<void> } | undefined;
  /** Plain counts since the start, read by metrics. */
  readonly counts = { rounds: 0, guilds: 0, bytes: 0, errors: 0 };

  constructor(options: GuildWriterOptions) {
    this.#options = options;
    const { from, tail } = options;
    this.#tailWait = new TailWait(tail);
    const isGoneOnWith = typeof from === 'number';
    this.#committed = this.#mark(isGoneOnWith ? from : from.sequence);
    if (isGoneOnWith) return;
    this.#beginning = from;
    this.#start();
  }

  /** What is stored goes up to it, if it need not begin anew. */
  get committedSequence(): number | undefined {
    return this.#beginning ? undefined : this.#committed.sequence;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Of the tail's window, how much of it is behind the last checkpoint: from 1 on a takeover would know no guilds. */
  get behind(): number {
    const { tail, window, snapshots, clock } = this.#options;
    const { sequence, tailBytes, atMs } = this.#committed;
    if (snapshots.sequence <= sequence) return 0;
    if (tail.baseSequence > sequence) return 1;
    return Math.max(
      (tail.writtenBytes - tailBytes) / window.maxBytes,
      (clock.now() - atMs) / window.maxAgeMs,
    );
  }

  /** The tail has been written, or has begun anew. */
  onTailWritten(): void {
    if (this.#phase.kind === 'over') return;
    this.#tailWait.lookAgain();
    this.#noteOutrun();
    this.#startIfDue();
  }

  /** What was stored is gone. */
  beginAnew(): void {
    this.#forget();
    this.#startIfDue();
  }

  /** A round's turn: takes guilds for the next batch. */
  mergeSome(maxMs: number): boolean {
    const filling = this.#filling;
    if (!filling) return false;
    try {
      if (filling.round.fill(maxMs)) return true;
      filling.done.resolve();
    } catch (error) {
      filling.done.reject(error);
    }
    this.#filling = undefined;
    return false;
  }

  /** Resolves when nothing is being written, and nothing will be. */
  stop(): Promise<void> {
    const phase = this.#phase;
    if (phase.kind === 'over') return phase.ended;
    if (phase.kind === 'backing-off' || phase.kind === 'idle') phase.timer?.[Symbol.dispose]();
    const ended = phase.kind === 'writing' ? phase.task : Promise.resolve();
    this.#phase = { kind: 'over', ended };
    this.#options.rounds.remove(this);
    const stopped = new WriterStopped();
    this.#filling?.done.reject(stopped);
    this.#filling = undefined;
    this.#tailWait.stop(stopped);
    return ended;
  }

  /**
   * Stops, and stores the guilds as they are: for where the checkpoint of the tail is all that is kept of it, which has to be at its end
   * then. Rejects where that is not possible.
   */
  async finish(): Promise<void> {
    await this.stop();
    const { snapshots, store, session } = this.#options;
    await this.#beginIfNeeded();
    const round = snapshots.beginStoring();
    const begun = this.#mark(round.checkpoint.sequence);
    for (;;) {
      while (round.fill(Number.POSITIVE_INFINITY));
      const batch = round.takeBatch();
      if (!batch) break;
      await this.#put(batch);
    }
    await store.commit({ ...session, ...round.checkpoint });
    this.#committed = begun;
  }

  #isDue(): boolean {
    const { snapshots, tail, window, clock } = this.#options;
    const begun = this.#begun;
    if (this.#beginning) return true;
    if (snapshots.sequence <= this.#committed.sequence) return false;
    if (!begun || tail.baseSequence > begun.sequence) return true;
    const bytes = tail.writtenBytes - begun.tailBytes;
    const ageMs = clock.now() - begun.atMs;
    return bytes >= window.maxBytes * ROUND_SHARE || ageMs >= window.maxAgeMs * ROUND_SHARE;
  }

  #startIfDue(): void {
    const phase = this.#phase;
    if (phase.kind !== 'idle') return;
    if (this.#isDue()) this.#start();
    else if (!phase.timer && this.#options.snapshots.sequence > this.#committed.sequence)
      this.#phase = { kind: 'idle', timer: this.#wakeInTime() };
  }

  /** Where nothing more happens, the tail only gets older; with what happens then all of it may be dropped at once. */
  #wakeInTime(): Disposable {
    const { clock, window } = this.#options;
    const ageMs = clock.now() - (this.#begun ?? this.#committed).atMs;
    return clock.setTimer(
      () => {
        this.#phase = { kind: 'idle' };
        this.#startIfDue();
      },
      window.maxAgeMs * ROUND_SHARE - ageMs,
    );
  }

  #noteOutrun(): void {
    const isOutrun = this.behind >= 1;
    if (isOutrun && !this.#isOutrun) this.#options.onOutrun();
    this.#isOutrun = isOutrun;
  }

  #start(): void {
    if (this.#phase.kind === 'idle') this.#phase.timer?.[Symbol.dispose]();
    const task = this.#write().then(
      () => this.#onWritten(),
      (error: unknown) => this.#onFailed(error),
    );
    this.#phase = { kind: 'writing', task };
  }

  #onWritten(): void {
    if (this.#phase.kind === 'over') return;
    this.#phase = { kind: 'idle' };
    if (this.#failures > 0) this.#options.onRecovered();
    this.#failures = 0;
    this.#noteOutrun();
    // The tail has gone on meanwhile.
    this.#startIfDue();
  }

  #onFailed(error: unknown): void {
    if (this.#phase.kind === 'over') return;
    const { clock, isFinal, onFailing } = this.#options;
    if (isFinal(error)) {
      this.#phase = { kind: 'over', ended: Promise.resolve() };
      return;
    }
    if (error instanceof StoredGuildsLostError) this.#forget();
    this.#begun = undefined;
    this.counts.errors++;
    if (this.#failures++ === 0) onFailing(reasonOf(error));
    const timer = clock.setTimer(() => this.#start(), backoffMs(this.#failures, 0, RETRY));
    this.#phase = { kind: 'backing-off', timer };
  }

  #forget(): void {
    this.#options.snapshots.forgetStored();
    this.#beginning = { ...this.#options.session, ...NOTHING_KNOWN };
    this.#begun = undefined;
    this.#committed = this.#mark(NOTHING_KNOWN.sequence);
  }

  async #write(): Promise<void> {
    await this.#options.after;
    await this.#beginIfNeeded();
    if (this.#phase.kind !== 'over' && this.#isDue()) await this.#round();
  }

  async #beginIfNeeded(): Promise<void> {
    while (this.#beginning) {
      const beginning = this.#beginning;
      await this.#options.store.begin(beginning);
      // Where it was told to begin anew meanwhile, it does.
      if (this.#beginning === beginning) this.#beginning = undefined;
    }
  }

  async #round(): Promise<void> {
    const { snapshots, store, session } = this.#options;
    const round = snapshots.beginStoring();
    const { checkpoint } = round;
    const begun = this.#mark(checkpoint.sequence);
    this.#begun = begun;
    for (let batch = await this.#nextBatch(round); batch; batch = await this.#nextBatch(round)) {
      await this.#tailWait.until(batch.sequence);
      await this.#put(batch);
      this.#throwIfOver();
    }
    await this.#tailWait.until(checkpoint.sequence);
    this.#throwIfOver();
    // It has begun anew: what was put before that is not there.
    if (this.#beginning) return;
    await store.commit({ ...session, ...checkpoint });
    // Or was told meanwhile that all of it is gone.
    if (this.#beginning) return;
    this.#committed = begun;
    this.counts.rounds++;
  }

  async #put(batch: StoringBatch): Promise<void> {
    await this.#options.store.put(batch.guilds);
    if (this.#beginning) return;
    batch.onStored();
    this.counts.guilds += batch.guilds.length;
    this.counts.bytes += batch.bytes;
  }

  async #nextBatch(round: StoringRound): Promise<StoringBatch | undefined> {
    const done = Promise.withResolvers<void>();
    this.#filling = { round, done };
    this.#options.rounds.wake(this);
    await done.promise;
    this.#throwIfOver();
    return round.takeBatch();
  }

  #throwIfOver(): void {
    if (this.#phase.kind === 'over') throw new WriterStopped();
  }

  #mark(sequence: number): Mark {
    const { tail, clock } = this.#options;
    return { sequence, tailBytes: tail.writtenBytes, atMs: clock.now() };
  }
}
