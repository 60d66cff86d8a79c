/**
 * A worker's session on a shard of this node, from READY or the replay on: it owns the cursor and the subscription, and
 * pumps what the log has into the worker's socket. How it came about, and what follows it, is worker-connection.ts; how it gets
 * its guilds is snapshot-stream.ts, how it gets answers to its requests session-answers.ts.
 */
import { Opcode } from '../protocol/opcodes.ts';
import { shardOfGuild } from '../protocol/sharding.ts';
import { type Place, type SessionRequest, tagOf } from './admission.ts';
import { type GuildRequest, isGuildRequest } from './command-shapes.ts';
import { Delivery, type PumpResult } from './delivery.ts';
import type { WorkerPayload } from './payloads.ts';
import type { GuildReading, ShardRequests, Submission, VoiceConnection, WorkerShard } from './ports.ts';
import { readyPayload, resumedPayload, voiceServerPayload } from './ready.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { SessionAnswers } from './session-answers.ts';
import { signSessionId } from './session-id.ts';
import { SnapshotStream } from './snapshot-stream.ts';
import { openGuilds } from './snapshots.ts';
import type { WorkerLink } from './worker-link.ts';
import type { WorkerConnectionOptions } from './worker-options.ts';

export type Command = Extract<WorkerPayload, { kind: 'command' }>;

export interface WorkerSessionOptions {
  readonly place: Place;
  readonly applicationId: string;
  readonly request: SessionRequest;
  /** Names the connection to the shard's queue of commands. */
  readonly sender: symbol;
  readonly link: WorkerLink;
  readonly connection: WorkerConnectionOptions;
  readonly listener: WorkerSessionListener;
}

/** Called synchronously. */
export interface WorkerSessionListener {
  /** The worker read too slowly, or came too late during replay: what comes next has left the log. */
  onLost(): void;
  onEpochOver(): void;
}

type Phase =
  /** Sending the guilds as they were at the cursor, which stays where it is. */
  | { readonly kind: 'snapshotting'; readonly stream: SnapshotStream }
  /** Sending what the worker missed, up to and including sequence `until`; then RESUMED. */
  | { readonly kind: 'replaying'; readonly until: number }
  | { readonly kind: 'live' };

export class WorkerSession implements Disposable {
  readonly shard: WorkerShard;
  readonly applicationId: string;
  readonly account: string;
  readonly #options: WorkerSessionOptions;
  readonly #link: WorkerLink;
  readonly #listener: WorkerSessionListener;
  readonly #delivery: Delivery;
  readonly #subscriptions = new DisposableStack();
  /** From the first request on. */
  #answers: SessionAnswers | undefined;
  readonly #tag: string | undefined;
  #voice: VoiceConnection | undefined;
  /** Head of the log when the session began. */
  readonly #startSequence: number;
  #phase: Phase;

  constructor(options: WorkerSessionOptions) {
    const { place, applicationId, request, link, connection, listener } = options;
    this.#options = options;
    this.shard = place.shard;
    this.applicationId = applicationId;
    this.account = request.account;
    this.#link = link;
    this.#listener = listener;
    this.#tag = tagOf(request);
    const guilds = request.kind === 'identify' ? openGuilds(place, request.tag) : undefined;
    const { socket, limits } = connection;
    this.#delivery = new Delivery(guilds?.cursor ?? place.cursor, socket, limits.maxUnsentBytes);
    if (guilds) this.#phase = { kind: 'snapshotting', stream: this.#stream(guilds.reading) };
    else if (request.kind === 'resume') this.#phase = { kind: 'replaying', until: place.shard.log.head };
    else this.#phase = { kind: 'live' };
    const { sequence } = this.#delivery.cursor;
    this.#startSequence = (request.kind === 'resume' && request.claims?.startSequence) || sequence;
    this.#subscribe(place.shard, listener);
  }

  #subscribe(shard: WorkerShard, listener: WorkerSessionListener): void {
    const onEpochOver = () => listener.onEpochOver();
    this.#subscriptions.use(shard.subscribe({ onRecords: () => this.pump(), onEpochOver }));
    const onVoiceServer = (d: string) => this.#sendVoiceServer(d);
    if (this.#tag !== undefined)
      this.#voice = this.#subscriptions.use(shard.voice?.connect(this.#tag, { onVoiceServer }));
  }

  /** READY, where it is a new session, and what there is for it. */
  begin(): void {
    const { request } = this.#options;
    if (request.kind === 'identify') this.#link.send(this.#ready(request.intents));
    this.pump();
  }

  get shardId(): number {
    return this.shard.shardId;
  }

  get phase(): Phase['kind'] {
    return this.#phase.kind;
  }

  /** Since when the oldest record that the worker's socket has not taken has been in the log. */
  get oldestUnreadAtMs(): number | undefined {
    return this.#delivery.cursor.oldestUnreadAtMs;
  }

  /** Sends what the socket takes. On the hot path. */
  pump(): void {
    const phase = this.#phase;
    if (!this.#link.isOpen) return;
    switch (phase.kind) {
      case 'live':
        this.#pumpLive();
        return;
      case 'replaying':
        return this.#replay(phase.until);
      case 'snapshotting':
        if (this.#delivery.cursor.isLost) this.#listener.onLost();
        else phase.stream.resume();
    }
  }

  /** Why the worker is to be closed for the command, or what became of it. */
  submit(command: Command): Submission | Rejection {
    const { payload, guildIds } = command;
    const { shardId, shardCount, requests } = this.shard;
    const stray = guildIds.find((guildId) => shardOfGuild(guildId, shardCount) !== shardId);
    if (stray !== undefined) return Rejections.guildOfAnotherShard(stray, shardOfGuild(stray, shardCount));
    if (requests && isGuildRequest(command)) return this.#ask(command, requests);
    return this.shard.submit(payload, this.#options.sender, this.#onSent(command));
  }

  #onSent(command: Command): (() => void) | undefined {
    if (command.op !== Opcode.VoiceStateUpdate) return undefined;
    const session = { tag: this.#tag, startSequence: this.#startSequence };
    return () => this.shard.voice?.commanded(session, command.d);
  }

  /** The worker will not RESUME it, or could not. */
  end(): void {
    this.#voice?.end();
  }

  #ask(request: GuildRequest, requests: ShardRequests): Submission {
    this.#answers ??= this.#openAnswers(requests);
    const submission = requests.ask(request, this.#answers);
    if (submission === 'queued') this.#answers.wake();
    return submission;
  }

  #openAnswers(requests: ShardRequests): SessionAnswers {
    const { connection } = this.#options;
    return new SessionAnswers({
      requests,
      delivery: this.#delivery,
      link: this.#link,
      head: () => this.shard.log.head,
      takeTurn: (steps) => connection.snapshotTurns.add(steps),
      endTurns: (steps) => connection.snapshotTurns.delete(steps),
      pumpLive: () => this.#pumpLive(),
      onTooSlow: () => this.#link.close(Rejections.tooSlow()),
    });
  }

  #pumpLive(): PumpResult | undefined {
    if (this.#phase.kind !== 'live' || !this.#link.isOpen) return undefined;
    const result = (this.#answers ?? this.#delivery).pump();
    if (result === 'lost') this.#listener.onLost();
    return result;
  }

  [Symbol.dispose](): void {
    this.#subscriptions[Symbol.dispose]();
    this.#answers?.[Symbol.dispose]();
    if (this.#phase.kind === 'snapshotting') this.#phase.stream[Symbol.dispose]();
  }

  #ready(intents: number): string {
    const { place, applicationId, connection } = this.#options;
    const { shard, serving } = place;
    const { shardId, shardCount } = shard;
    const { account } = this;
    const { epoch } = serving;
    const startSequence = this.#startSequence;
    const tag = this.#tag;
    const claims = { applicationId, shardId, shardCount, epoch, startSequence, intents, account, tag };
    const sessionId = signSessionId(claims, connection.sessionKey);
    const resumeUrl = connection.resumeUrl(shardId, applicationId);
    const { guildIds, sequence } =
      this.#phase.kind === 'snapshotting'
        ? this.#phase.stream
        : { guildIds: serving.guildIds, sequence: startSequence };
    return readyPayload({ shard, serving, guildIds, sequence, sessionId, resumeUrl });
  }

  #replay(until: number): void {
    const result = this.#delivery.pump(until);
    if (result === 'lost') return this.#listener.onLost();
    if (result === 'blocked') return;
    this.#phase = { kind: 'live' };
    this.#link.send(resumedPayload(until));
    this.pump();
  }

  /** It has no number of its own: the worker goes on from the one it has. */
  #sendVoiceServer(d: string): boolean {
    const { cursor } = this.#delivery;
    const isBehind = this.#phase.kind !== 'live' || cursor.oldestUnreadAtMs !== undefined;
    if (isBehind || this.#answers?.isUnderWay || !this.#link.isOpen) return false;
    // Not the cursor's: answers of Discord may have had numbers behind it.
    this.#link.send(voiceServerPayload(this.shard.log.head, d));
    return true;
  }

  #stream(reading: GuildReading): SnapshotStream {
    const { link, connection } = this.#options;
    const stream: SnapshotStream = new SnapshotStream({
      reading,
      delivery: this.#delivery,
      link,
      connection,
      onEnd: () => {
        stream[Symbol.dispose]();
        this.#phase = { kind: 'live' };
        this.pump();
      },
    });
    return stream;
  }
}
