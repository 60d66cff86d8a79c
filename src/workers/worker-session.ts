/**
 * A worker's session on a shard of this node, from READY or the replay on: it owns the cursor and the subscription, and
 * pumps what the log has into the worker's socket. How it came about, and what follows it, is worker-connection.ts.
 */
import type { Duplex } from 'node:stream';
import { shardOfGuild } from '../protocol/sharding.ts';
import type { Place, SessionRequest } from './admission.ts';
import { Delivery } from './delivery.ts';
import type { WorkerPayload } from './payloads.ts';
import type { Submission, WorkerShard } from './ports.ts';
import { readyPayload, resumedPayload } from './ready.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { signSessionId } from './session-id.ts';
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
  /** The socket under `link`. */
  readonly socket: Duplex;
  readonly maxUnsentBytes: number;
  readonly listener: WorkerSessionListener;
}

/** Called synchronously. */
export interface WorkerSessionListener {
  /** The worker read too slowly, or came too late during replay: what comes next has left the log. */
  onLost(): void;
  onEpochOver(): void;
}

type Phase =
  /** Sending what the worker missed, up to and including sequence `until`; then RESUMED. */
  { readonly kind: 'replaying'; readonly until: number } | { readonly kind: 'live' };

export class WorkerSession implements Disposable {
  readonly shard: WorkerShard;
  readonly applicationId: string;
  readonly account: string;
  readonly #options: WorkerSessionOptions;
  readonly #link: WorkerLink;
  readonly #listener: WorkerSessionListener;
  readonly #delivery: Delivery;
  readonly #subscription: Disposable;
  #phase: Phase;

  constructor(options: WorkerSessionOptions) {
    const { place, applicationId, request, link, socket, maxUnsentBytes, listener } = options;
    this.#options = options;
    this.shard = place.shard;
    this.applicationId = applicationId;
    this.account = request.account;
    this.#link = link;
    this.#listener = listener;
    this.#phase =
      request.kind === 'resume' ? { kind: 'replaying', until: place.shard.log.head } : { kind: 'live' };
    this.#delivery = new Delivery(place.cursor, socket, maxUnsentBytes);
    this.#subscription = place.shard.subscribe({
      onRecords: () => this.pump(),
      onEpochOver: () => listener.onEpochOver(),
    });
  }

  /** READY, where it is a new session, and what the log has for it. */
  begin({ sessionKey, resumeUrl }: Pick<WorkerConnectionOptions, 'sessionKey' | 'resumeUrl'>): void {
    const { place, applicationId, request } = this.#options;
    const { shard, serving, cursor } = place;
    if (request.kind === 'identify') {
      const { shardId, shardCount } = shard;
      const { intents, account } = request;
      const { epoch } = serving;
      const startSequence = cursor.sequence;
      const claims = { applicationId, shardId, shardCount, epoch, startSequence, intents, account };
      const sessionId = signSessionId(claims, sessionKey);
      const url = resumeUrl(shardId, applicationId);
      this.#link.send(readyPayload({ shard, serving, sequence: startSequence, sessionId, resumeUrl: url }));
    }
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
    if (phase.kind === 'live') {
      if (this.#delivery.pump() === 'lost') this.#listener.onLost();
      return;
    }
    const result = this.#delivery.pump(phase.until);
    if (result === 'lost') return this.#listener.onLost();
    if (result === 'blocked') return;
    this.#phase = { kind: 'live' };
    this.#link.send(resumedPayload(phase.until));
    this.pump();
  }

  /** Why the worker is to be closed for the command, or what became of it. */
  submit({ payload, guildIds }: Command): Submission | Rejection {
    const { shardId, shardCount } = this.shard;
    const stray = guildIds.find((guildId) => shardOfGuild(guildId, shardCount) !== shardId);
    if (stray !== undefined) return Rejections.guildOfAnotherShard(stray, shardOfGuild(stray, shardCount));
    return this.shard.submit(payload, this.#options.sender);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
