/**
 * One shard at this node: joins its upstream session, event log and tail, and is what workers are served from. On the
 * hot path (`dispatch`): appends, then tells the workers once for all that arrived together.
 */
import type { StoredTail, TailPosition } from '../../cluster/index.ts';
import type { GuildSnapshots, JsonObject, StoredGuilds } from '../../guilds/index.ts';
import { type EventLog, loadChunk, type TailChunk } from '../../log/index.ts';
import type { GuildRequests } from '../../requests/index.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { yieldToEvents } from '../../runtime/yield-to-events.ts';
import type { DispatchSink, UpstreamSession, UpstreamShard } from '../../upstream/index.ts';
import { Voice, type VoiceOptions } from '../../voice/index.ts';
import {
  type GuildReading,
  type Serving,
  type ShardListener,
  type Submission,
  upstreamEpoch,
  type WorkerShard,
} from '../../workers/index.ts';
import { GuildIds } from './guild-ids.ts';
import type { GuildState } from './guild-state.ts';
import { type GuildSession, HeldGuilds } from './held-guilds.ts';
import { HeldTail, type HeldTailOptions } from './held-tail.ts';

export interface HeldShardOptions extends HeldTailOptions {
  readonly shardId: number;
  readonly shardCount: number;
  /** What answers the requests of its workers; left out, they are commands like others. */
  readonly createRequests?: (shard: HeldShard) => GuildRequests;
  readonly voiceMode: VoiceOptions['mode'];
  readonly guildState: GuildState;
  /** What another process has stored of the shard's guilds. */
  readonly loadGuilds: () => Promise<StoredGuilds | undefined>;
  /** `serving.kind` has changed. */
  readonly onServingChanged: () => void;
}

/** What outlives the process beside the dispatches. */
interface ShardState {
  readonly session: UpstreamSession;
  readonly ready: Readonly<Record<string, unknown>>;
  readonly guildIds: readonly string[];
  readonly voice?: unknown;
  /** Of READY. */
  readonly readySequence?: number | undefined;
}

/**
 * After a restart: a RESUME from beyond the log's head waits for the head to come there, until the log has not grown for
 * so long, and no longer than the limit (where live dispatches follow the replay closely).
 */
const CATCH_UP_MS = 2_000;
const CATCH_UP_LIMIT_MS = 30_000;

/** Of a tail, so much is loaded at a time: about 2 ms of the event loop. */
const LOAD_SLICE_BYTES = 512 * 1024;

type Phase =
  | { readonly kind: 'empty' }
  /** Known from an earlier process; Discord has yet to confirm that the session lives. */
  | { readonly kind: 'restored'; readonly session: UpstreamSession; readonly ready: ShardState['ready'] }
  | {
      readonly kind: 'serving';
      readonly session: UpstreamSession;
      readonly serving: Extract<Serving, { kind: 'serving' }>;
    };

export class HeldShard implements DispatchSink, WorkerShard {
  readonly shardId: number;
  readonly shardCount: number;
  readonly log: EventLog;
  readonly tail: HeldTail;
  readonly requests: GuildRequests | undefined;
  /** Whose the bot's voice is. */
  readonly voice: Voice;
  readonly heldGuilds: HeldGuilds;
  readonly #options: HeldShardOptions;
  readonly #guildIds = new GuildIds();
  /** READY's guilds, and its sequence; `undefined` where the log no longer goes back to it. */
  #beginning: GuildSession['beginning'];
  #readySequence: number | undefined;
  readonly #listeners = new Set<ShardListener>();
  #phase: Phase = { kind: 'empty' };
  #upstream: UpstreamShard | undefined;
  /** Up to where a stored tail was read. */
  #position: TailPosition | undefined;
  #catchUpTimer: Disposable | undefined;
  #loadedBytes = 0;
  #isFlushScheduled = false;
  /** When the dispatches of the scheduled flush came: they came together. */
  #arrivedAtMs = 0;
  readonly #flush = () => {
    this.#isFlushScheduled = false;
    for (const listener of this.#listeners) listener.onRecords();
  };

  constructor(options: HeldShardOptions) {
    this.#options = options;
    this.shardId = options.shardId;
    this.shardCount = options.shardCount;
    this.log = options.log;
    this.requests = options.createRequests?.(this);
    const { clock, voiceMode } = options;
    this.voice = new Voice({
      mode: voiceMode,
      clock,
      hasGuild: (guildId) => this.#guildIds.ids.has(guildId),
      onChanged: () => this.tail.hasten(),
    });
    this.tail = new HeldTail(options, () => this.#state(), { read: () => this.#readChanges() });
    this.heldGuilds = new HeldGuilds(options, this.tail, () => options.onServingChanged());
    this.tail.onWritten = () => this.heldGuilds.onTailWritten();
  }

  get serving(): Serving {
    return this.#phase.kind === 'serving' ? this.#phase.serving : { kind: 'waiting' };
  }

  get head(): number {
    return this.log.head;
  }

  get guilds(): GuildSnapshots | undefined {
    return this.heldGuilds.snapshots;
  }

  readGuilds(): GuildReading | undefined {
    return this.heldGuilds.read(this.#guildIds.ids);
  }

  get areGuildsLoading(): boolean {
    return this.heldGuilds.kind === 'loading';
  }

  get upstream(): UpstreamShard | undefined {
    return this.#upstream;
  }

  /** The session to RESUME, if there is one. */
  get session(): UpstreamSession | undefined {
    return this.#phase.kind === 'empty' ? undefined : this.#phase.session;
  }

  /** Up to where a stored tail was read: what `restore` goes on from. */
  get position(): TailPosition | undefined {
    return this.#position;
  }

  attach(upstream: UpstreamShard | undefined): void {
    this.#upstream = upstream;
  }

  /** Takes over what another process left. Anything unreadable only shortens the window. */
  async restore({ parts, isContinuation, position }: StoredTail): Promise<void> {
    this.#position = position;
    const newest = parts.at(-1)?.base.state as Partial<ShardState> | undefined;
    // Written between the loss of a session and the READY of the next: there is nothing to go on from.
    if (!newest?.session || !newest.ready || !('user' in newest.ready)) {
      this.#phase = { kind: 'empty' };
      return;
    }
    this.voice.restore(userIdOf(newest.ready));
    for (const { base, chunks } of parts) {
      const state = base.state as Partial<ShardState>;
      if (state.session?.sessionId !== newest.session.sessionId) continue;
      if (!isContinuation) this.#restoreBase(base, state);
      for (const chunk of chunks) await this.#restoreChunk(chunk);
    }
    this.tail.continueAfterLog();
    this.#phase = { kind: 'restored', session: newest.session, ready: newest.ready };
  }

  #restoreBase(
    { sequence }: { readonly sequence: number },
    { guildIds = [], readySequence, voice }: Partial<ShardState>,
  ): void {
    this.#guildIds.reset(guildIds);
    this.#readySequence = readySequence;
    this.#beginning = readySequence === sequence ? { sequence, guildIds } : undefined;
    this.voice.table.clear();
    this.voice.table.restore(voice);
    if (sequence !== this.log.head) this.log.reset(sequence);
  }

  async #restoreChunk(chunk: TailChunk): Promise<void> {
    const { tailCompressor, logger } = this.#options;
    if (chunk.afterSequence !== this.log.head) this.log.reset(chunk.afterSequence);
    const bytesBefore = this.log.appendedBytes;
    try {
      loadChunk(chunk, this.log, tailCompressor, {
        onRecord: (typeId, payload) => this.#guildIds.apply(typeId, payload),
        onChanges: ({ voice }) => this.voice.table.restore(voice),
      });
    } catch (error) {
      logger.warn(
        { reason: reasonOf(error), lastSequence: chunk.lastSequence },
        'a chunk of the tail can not be read; workers that need it get INVALID_SESSION',
      );
      this.log.reset(chunk.lastSequence);
    }
    // Other shards of this node live on meanwhile.
    this.#loadedBytes += this.log.appendedBytes - bytesBefore;
    if (this.#loadedBytes < LOAD_SLICE_BYTES) return;
    this.#loadedBytes = 0;
    await yieldToEvents();
  }

  sessionStarted(session: UpstreamSession, sequence: number, ready: Readonly<Record<string, unknown>>): void {
    const { guilds, ...rest } = ready;
    this.log.reset(sequence);
    this.#guildIds.reset(guilds);
    this.#readySequence = sequence;
    const beginning = { sequence, guildIds: [...this.#guildIds.ids] };
    this.heldGuilds.begin({ ...guildSession(session, ready), beginning });
    this.voice.reset(userIdOf(ready));
    this.#serve(session, rest, false);
    this.tail.beginAnew();
    for (const listener of [...this.#listeners]) listener.onEpochOver();
    this.#options.onServingChanged();
  }

  dispatch(sequence: number, typeId: number, bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.requests?.takes(sequence, typeId, bytes, start, end)) {
      this.heldGuilds.apply(sequence, typeId, bytes, start, end);
      return this.skip(sequence);
    }
    if (!this.#isFlushScheduled) {
      this.#isFlushScheduled = true;
      this.#arrivedAtMs = this.#options.clock.now();
      queueMicrotask(this.#flush);
    }
    const audience = this.voice.audienceOf(sequence, typeId, bytes, start, end);
    this.log.append(sequence, typeId, bytes, this.#arrivedAtMs, start, end, audience);
    this.#guildIds.apply(typeId, bytes, start, end);
    this.heldGuilds.apply(sequence, typeId, bytes, start, end);
    if (audience === undefined) this.tail.notify();
    else this.tail.hasten();
  }

  skip(sequence: number): void {
    this.log.skip(sequence);
    this.heldGuilds.skip(sequence);
    this.tail.notify();
  }

  connected(): void {
    const phase = this.#phase;
    if (phase.kind === 'restored') {
      this.voice.begin();
      this.requests?.inherit();
      const beginning = this.#beginning && { beginning: this.#beginning };
      this.heldGuilds.load(
        { ...guildSession(phase.session, phase.ready), ...beginning },
        this.#options.loadGuilds,
      );
      this.#catchUp(phase.session, phase.ready);
    }
    // Another RESUMED: the one before was an old one, in the midst of the replay.
    else if (phase.kind === 'serving' && phase.serving.isCatchingUp)
      this.#catchUp(phase.session, phase.serving.ready);
  }

  /** Serves workers, and takes it that the replay is not over before the log has stood still, or a while has passed. */
  #catchUp(session: UpstreamSession, ready: ShardState['ready']): void {
    const { clock, onServingChanged } = this.#options;
    const endsAtMs = clock.now() + CATCH_UP_LIMIT_MS;
    this.#serve(session, ready, true);
    const lookAgain = (headBefore: number) => {
      if (this.log.head !== headBefore && clock.now() < endsAtMs) return arm();
      this.#serve(session, ready, false);
      onServingChanged();
    };
    const arm = () => {
      const { head } = this.log;
      this.#catchUpTimer = clock.setTimer(() => lookAgain(head), CATCH_UP_MS);
    };
    arm();
    onServingChanged();
  }

  disconnected(): void {
    // Workers are served from memory; only a lost session changes that.
  }

  sessionLost(): void {
    this.#catchUpTimer?.[Symbol.dispose]();
    this.#phase = { kind: 'empty' };
    this.#options.onServingChanged();
  }

  subscribe(listener: ShardListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  submit(payload: string, sender: symbol, onSent?: () => void): Submission {
    const command = onSent
      ? { payload: () => payload, onLeft: (isSent: boolean) => void (isSent && onSent()) }
      : payload;
    return this.#upstream?.commands.submit(command, sender) ?? 'full';
  }

  /** Gives its memory back; it is not to be used after. */
  [Symbol.dispose](): void {
    this.#catchUpTimer?.[Symbol.dispose]();
    this.requests?.[Symbol.dispose]();
    this.heldGuilds[Symbol.dispose]();
    this.voice[Symbol.dispose]();
    this.log[Symbol.dispose]();
  }

  #serve(session: UpstreamSession, ready: ShardState['ready'], isCatchingUp: boolean): void {
    this.#catchUpTimer?.[Symbol.dispose]();
    const epoch = upstreamEpoch(session.sessionId);
    this.#phase = {
      kind: 'serving',
      session,
      serving: { kind: 'serving', epoch, ready, guildIds: this.#guildIds.ids, isCatchingUp },
    };
  }

  #state(): Readonly<Record<string, unknown>> {
    const phase = this.#phase;
    if (phase.kind === 'empty') return {};
    const ready = phase.kind === 'serving' ? phase.serving.ready : phase.ready;
    return {
      session: phase.session,
      ready,
      guildIds: [...this.#guildIds.ids],
      readySequence: this.#readySequence,
      voice: this.voice.table.state,
    };
  }

  #readChanges() {
    const unwritten = this.voice.table.read();
    return unwritten && { changes: { voice: unwritten.changes }, written: unwritten.written };
  }
}

function userIdOf({ user }: Readonly<Record<string, unknown>>): string {
  return String((user as { readonly id?: unknown } | undefined)?.id);
}

function guildSession({ sessionId }: UpstreamSession, { user }: ShardState['ready']): GuildSession {
  // READY's user is an object; of anything else nothing is expected.
  return { epoch: upstreamEpoch(sessionId), ownUser: user as JsonObject | undefined };
}
