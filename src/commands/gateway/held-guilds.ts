/**
 * The guilds of one shard at this node: whether they are known, and how they outlive the process. Written while the shard's lease is
 * ours, as its tail is (held-tail.ts); loaded beside everything else where another process has held the shard.
 */
import { LeaseLostError } from '../../cluster/index.ts';
import {
  type GuildCheckpoint,
  type GuildSnapshots,
  type GuildStore,
  GuildWriter,
  type JsonObject,
  NOTHING_KNOWN,
  type StoredGuilds,
  type TailProgress,
} from '../../guilds/index.ts';
import type { EventLog } from '../../log/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import type { UpstreamLog } from '../../upstream/index.ts';
import type { GuildReading } from '../../workers/index.ts';
import { type LoadedGuilds, loadGuilds } from './guild-loading.ts';
import type { GuildState } from './guild-state.ts';
import { UnknownGuilds } from './unknown-guilds.ts';

export interface HeldGuildsOptions {
  readonly guildState: GuildState;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: UpstreamLog;
}

/** An upstream session, as far as guilds depend on it. */
export interface GuildSession {
  readonly epoch: string;
  /** READY's `user`. */
  readonly ownUser: JsonObject | undefined;
  /** What READY said of guilds; left out where nobody knows any more. */
  readonly beginning?: Pick<GuildCheckpoint, 'sequence' | 'guildIds'>;
}

type Phase =
  | { readonly kind: 'off' }
  /** There is no upstream session yet. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'loading'; readonly abort: AbortController; readonly start: () => void }
  | {
      readonly kind: 'kept';
      readonly snapshots: GuildSnapshots;
      readonly session: Pick<GuildCheckpoint, 'epoch' | 'off'>;
    }
  /** Until the next upstream session begins. */
  | { readonly kind: 'unknown' };

export type GuildsKind = Phase['kind'];

/** Where nothing of the tail is stored but how far Discord was followed: guilds are stored so often, that little is left to do at the end. */
const WITHOUT_TAIL = { maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 120_000 };

/**
 * Where a shard has just come here, its workers come back first, and more such shards: loading guilds would hold up both, and only workers
 * that IDENTIFY need them.
 */
const HEAD_START_MS = 500;

export class HeldGuilds implements Disposable {
  readonly #options: HeldGuildsOptions;
  readonly #tail: TailProgress;
  readonly #onChanged: () => void;
  #phase: Phase;
  /** Those of a `kept` phase: on the hot path. */
  #live: GuildSnapshots | undefined;
  /** Where they may be written, while the lease is ours. */
  #store: GuildStore | undefined;
  #writer: GuildWriter | undefined;
  /** Until the last calls of writers that were stopped are over. */
  #written: Promise<unknown> = Promise.resolve();
  /** Where the next writer begins. */
  #from: number | GuildCheckpoint = 0;
  /** How long it took to load them, if they were. */
  loadMs: number | undefined;

  constructor(options: HeldGuildsOptions, tail: TailProgress, onChanged: () => void) {
    this.#options = options;
    this.#tail = tail;
    this.#onChanged = onChanged;
    this.#phase = { kind: options.guildState.isOff ? 'off' : 'waiting' };
  }

  get kind(): GuildsKind {
    return this.#phase.kind;
  }

  /** Where they are known. */
  get snapshots(): GuildSnapshots | undefined {
    return this.#live;
  }

  /** What is being written, for its readings. */
  get writer(): GuildWriter | undefined {
    return this.#writer;
  }

  /** Whether what is stored is brought up to date by a stored tail. */
  get reachesBack(): boolean {
    return this.#options.guildState.tailWindow !== undefined;
  }

  /** What they take up where they are stored; `undefined` while none are written. */
  get storedBytes(): number | undefined {
    return this.#store?.bytes;
  }

  /** For a worker that begins a session, as of now; `undefined` where READY has to do without. `guildIds`: all there are. */
  read(guildIds: Iterable<string>): GuildReading | undefined {
    if (this.#live) return this.#live.read();
    return this.#phase.kind === 'unknown' ? new UnknownGuilds(this.#options.log.head, guildIds) : undefined;
  }

  /** An upstream session has begun, and its READY is the newest that there is. */
  begin({ epoch, ownUser, beginning }: Required<GuildSession>): void {
    this.#end();
    if (this.#phase.kind === 'off') return;
    const { guildState } = this.#options;
    const snapshots = guildState.create(idOf(ownUser));
    const checkpoint = { epoch, ownUser, ...beginning, off: [...guildState.offWith([])] };
    snapshots.resetTo(checkpoint);
    this.#keep(snapshots, checkpoint, checkpoint);
  }

  /** The session of another process goes on here. */
  load(session: GuildSession, source: () => Promise<StoredGuilds | undefined>): void {
    this.#end();
    if (this.#phase.kind === 'off') return;
    const { clock, logger, guildState, log } = this.#options;
    const abort = new AbortController();
    const { promise: start, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(resolve, HEAD_START_MS);
    abort.signal.addEventListener('abort', () => timer[Symbol.dispose](), { once: true });
    this.#phase = {
      kind: 'loading',
      abort,
      start: () => {
        timer[Symbol.dispose]();
        resolve();
      },
    };
    const startedAtMs = clock.now();
    loadGuilds({
      log,
      clock,
      loads: guildState.loads,
      epoch: session.epoch,
      beginning: beginningOf(session),
      source,
      create: (missing) => guildState.create(idOf(session.ownUser), missing),
      onUnreachable: (reason) => logger.warn({ reason }, 'guilds can not be asked for; trying again'),
      onLoaded: (loaded) => {
        this.loadMs = clock.now() - startedAtMs;
        this.#onLoaded(loaded);
      },
      start,
      signal: abort.signal,
    }).catch((error: unknown) => {
      if (!abort.signal.aborted) this.#onUnknown(reasonOf(error));
    });
  }

  /** A worker waits for them. */
  want(): void {
    if (this.#phase.kind === 'loading') this.#phase.start();
  }

  /** They may be written from now on. */
  open(store: GuildStore): void {
    this.#store = store;
    this.#startWriter();
  }

  /** Writes no more, for now. Where no tail is kept but a checkpoint, all that there is, once that is written (`tailClosed`). */
  async close(tailClosed: Promise<unknown>): Promise<void> {
    const store = this.#store;
    const writer = this.#writer;
    this.#store = undefined;
    if (writer && !this.#options.guildState.tailWindow) {
      await tailClosed;
      await this.#finish(writer);
    }
    this.#stopWriter();
    await this.#written;
    await store?.[Symbol.asyncDispose]();
  }

  /** Writes no more: it is another node's. */
  abandon(): void {
    const store = this.#store;
    this.#store = undefined;
    this.#stopWriter();
    void this.#written.then(() => store?.[Symbol.asyncDispose]());
  }

  /** What is stored is gone. */
  beginAnew(): void {
    this.#writer?.beginAnew();
  }

  /** The tail was written. */
  onTailWritten(): void {
    this.#writer?.onTailWritten();
  }

  /** On the hot path. */
  apply(sequence: number, typeId: number, bytes: Buffer, start: number, end: number): void {
    this.#live?.apply(sequence, typeId, bytes, start, end);
  }

  skip(sequence: number): void {
    this.#live?.skip(sequence);
  }

  /** Gives its memory back; it is not to be used after. */
  [Symbol.dispose](): void {
    this.#end();
  }

  #onLoaded({ snapshots, checkpoint, isFromLog }: LoadedGuilds): void {
    const { logger, guildState } = this.#options;
    const { guilds, missingGuilds } = snapshots.counts;
    const off = guildState.offWith(checkpoint.off ?? []);
    const wanted = guildState.offWith([]);
    const notYet = [...off].filter((kind) => !wanted.has(kind));
    logger.info({ guilds, missing: missingGuilds, ms: this.loadMs }, 'the guilds are known');
    if (notYet.length > 0)
      logger.warn({ kinds: notYet }, 'guilds do not have what guilds.off left out before the next session');
    const whole = { ...checkpoint, off: [...off] };
    this.#keep(snapshots, whole, isFromLog ? whole : checkpoint.sequence);
    this.#onChanged();
  }

  #onUnknown(reason: string): void {
    this.#phase = { kind: 'unknown' };
    this.#options.logger.warn(
      { reason },
      'the guilds are not known: workers that IDENTIFY get them as unavailable until Discord begins a new session',
    );
    this.#onChanged();
  }

  #keep(snapshots: GuildSnapshots, { epoch, off }: GuildCheckpoint, from: number | GuildCheckpoint): void {
    this.#phase = { kind: 'kept', snapshots, session: { epoch, ...(off && { off }) } };
    this.#live = snapshots;
    this.#from = from;
    this.#startWriter();
  }

  #startWriter(): void {
    const { clock, logger, guildState } = this.#options;
    const phase = this.#phase;
    const store = this.#store;
    if (phase.kind !== 'kept' || !store || this.#writer) return;
    this.#writer = new GuildWriter({
      snapshots: phase.snapshots,
      store,
      tail: this.#tail,
      window: guildState.tailWindow ?? WITHOUT_TAIL,
      session: phase.session,
      rounds: guildState.storingRounds,
      clock,
      from: this.#from,
      after: this.#written,
      isFinal: (error) => error instanceof LeaseLostError,
      onFailing: (reason) =>
        logger.warn(
          { reason },
          'guilds can not be stored; a takeover much later than now would not know them',
        ),
      onRecovered: () => logger.info({}, 'guilds are stored again'),
      onOutrun: () =>
        logger.warn(
          {},
          'the tail no longer reaches back to the stored guilds; a takeover now would not know them',
        ),
    });
  }

  #stopWriter(): void {
    const writer = this.#writer;
    const phase = this.#phase;
    if (!writer) return;
    this.#writer = undefined;
    this.#written = Promise.all([this.#written, writer.stop()]);
    if (phase.kind === 'kept')
      this.#from = writer.committedSequence ?? { ...phase.session, ...NOTHING_KNOWN };
  }

  async #finish(writer: GuildWriter): Promise<void> {
    try {
      await writer.finish();
    } catch (error) {
      const reason = reasonOf(error);
      this.#options.logger.warn(
        { reason },
        'the guilds could not be stored; the next owner will not know them',
      );
    }
  }

  /** What there was is over. */
  #end(): void {
    this.#stopWriter();
    const phase = this.#phase;
    if (phase.kind === 'loading') phase.abort.abort();
    this.#live?.[Symbol.dispose]();
    this.#live = undefined;
    if (phase.kind !== 'off') this.#phase = { kind: 'waiting' };
  }
}

function idOf(ownUser: JsonObject | undefined): string {
  return String(ownUser?.['id']);
}

function beginningOf({ epoch, ownUser, beginning }: GuildSession): GuildCheckpoint | undefined {
  return beginning && { epoch, ownUser, ...beginning };
}
