/**
 * One shard at this node: joins its upstream session, event log and tail, and is what workers are served from. On the
 * hot path (`dispatch`): appends, then tells the workers once for all that arrived together.
 */
import type { StoredTail, TailPosition } from '../../cluster/index.ts';
import type { GuildSnapshots, StoredGuilds } from '../../guilds/index.ts';
import type { EventLog } from '../../log/index.ts';
import { EventTypeId } from '../../protocol/event-types.ts';
import type { GuildRequests } from '../../requests/index.ts';
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
import { HeldGuilds } from './held-guilds.ts';
import { HeldTail, type HeldTailOptions } from './held-tail.ts';
import { withUserUpdate } from './ready-user.ts';
import { guildSession, Restoring, type ShardState, userIdOf } from './restoring.ts';
import { ShardListeners } from './shard-listeners.ts';

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

/**
 * After a restart: a RESUME from beyond the log's head waits for the head to come there, until the log has not grown for
 * so long, and no longer than the limit (where live dispatches follow the replay closely).
 */
const CATCH_UP_MS = 2_000;
const CATCH_UP_LIMIT_MS = 30_000;

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
  readonly #restoring: Restoring;
  readonly #listeners: ShardListeners;
  #phase: Phase = { kind: 'empty' };
  #upstream: UpstreamShard | undefined;
  /** Up to where a stored tail was read. */
  #position: TailPosition | undefined;
  #catchUpTimer: Disposable | undefined;

  constructor(options: HeldShardOptions) {
    this.#options = options;
    this.shardId = options.shardId;
    this.shardCount = options.shardCount;
    this.log = options.log;
    this.requests = options.createRequests?.(this);
    const { clock, voiceMode } = options;
    this.#listeners = new ShardListeners(clock);
    this.voice = new Voice({
      mode: voiceMode,
      clock,
      hasGuild: (guildId) => this.#guildIds.ids.has(guildId),
      onChanged: () => this.tail.hasten(),
    });
    this.#restoring = new Restoring({ ...options, guildIds: this.#guildIds, voice: this.voice });
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

  wantGuilds(): void {
    this.heldGuilds.want();
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

  /** Takes over what another process left. */
  async restore(stored: StoredTail): Promise<void> {
    this.#position = stored.position;
    const restored = await this.#restoring.run(stored);
    this.#phase = restored ? { kind: 'restored', ...restored } : { kind: 'empty' };
    if (restored) this.tail.continueAfterLog();
  }

  sessionStarted(session: UpstreamSession, sequence: number, ready: Readonly<Record<string, unknown>>): void {
    const { guilds, ...rest } = ready;
    this.log.reset(sequence);
    this.#guildIds.reset(guilds);
    this.#restoring.readySequence = sequence;
    const beginning = { sequence, guildIds: [...this.#guildIds.ids] };
    this.heldGuilds.begin({ ...guildSession(session, ready), beginning });
    this.voice.reset(userIdOf(ready));
    this.#serve(session, rest, false);
    this.tail.beginAnew();
    this.#listeners.epochOver();
    this.#options.onServingChanged();
  }

  dispatch(sequence: number, typeId: number, bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.requests?.takes(sequence, typeId, bytes, start, end)) {
      this.heldGuilds.apply(sequence, typeId, bytes, start, end);
      return this.skip(sequence);
    }
    const arrivedAtMs = this.#listeners.wake();
    const audience = this.voice.audienceOf(sequence, typeId, bytes, start, end);
    this.log.append(sequence, typeId, bytes, arrivedAtMs, start, end, audience);
    this.#guildIds.apply(typeId, bytes, start, end);
    if (typeId === EventTypeId.UserUpdate) this.#updateUser(bytes.subarray(start, end));
    this.heldGuilds.apply(sequence, typeId, bytes, start, end);
    if (audience === undefined) this.tail.notify();
    else this.tail.hasten();
  }

  skip(sequence: number): void {
    // A RESUME may wait for that number: it is the last that its worker got, in an answer for it alone.
    this.#listeners.wake();
    this.log.skip(sequence);
    this.heldGuilds.skip(sequence);
    this.tail.notify();
  }

  connected(): void {
    const phase = this.#phase;
    if (phase.kind === 'restored') {
      this.voice.begin();
      this.requests?.inherit();
      const { beginning } = this.#restoring;
      const session = { ...guildSession(phase.session, phase.ready), ...(beginning && { beginning }) };
      this.heldGuilds.load(session, this.#options.loadGuilds);
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
      // The phase's: it may have been brought up to date since.
      this.#serve(session, this.#ready ?? ready, false);
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
    // Discord counts an application's requests for all members, in whichever session.
    if (this.#phase.kind === 'restored') this.requests?.inherit();
    this.#catchUpTimer?.[Symbol.dispose]();
    this.#phase = { kind: 'empty' };
    this.#options.onServingChanged();
  }

  subscribe(listener: ShardListener): Disposable {
    return this.#listeners.add(listener);
  }

  submit(payload: string, sender: symbol, onSent?: () => void): Submission {
    const command = onSent
      ? { payload: () => payload, onLeft: (isSent: boolean) => void (isSent && onSent()) }
      : payload;
    return this.#upstream?.commands.submit(command, sender) ?? 'full';
  }

  /** Drops what is too old of the log; not while guilds may yet have to be brought up to date from it. */
  trimLog(): void {
    const { kind } = this.heldGuilds;
    if (kind !== 'waiting' && kind !== 'loading') this.log.trim(this.#options.clock.now());
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

  get #ready(): ShardState['ready'] | undefined {
    const phase = this.#phase;
    if (phase.kind === 'empty') return undefined;
    return phase.kind === 'serving' ? phase.serving.ready : phase.ready;
  }

  #updateUser(payload: Buffer): void {
    const phase = this.#phase;
    if (phase.kind === 'restored') this.#phase = { ...phase, ready: withUserUpdate(phase.ready, payload) };
    if (phase.kind !== 'serving') return;
    const ready = withUserUpdate(phase.serving.ready, payload);
    this.#phase = { ...phase, serving: { ...phase.serving, ready } };
  }

  #state(): Readonly<Record<string, unknown>> {
    const phase = this.#phase;
    if (phase.kind === 'empty') return {};
    return {
      session: phase.session,
      ready: this.#ready,
      guildIds: [...this.#guildIds.ids],
      readySequence: this.#restoring.readySequence,
      voice: this.voice.table.state,
    };
  }

  #readChanges() {
    const unwritten = this.voice.table.read();
    return unwritten && { changes: { voice: unwritten.changes }, written: unwritten.written };
  }
}
