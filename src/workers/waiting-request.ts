/**
 * A session request on its way to an answer: asks for admission, again when something has changed, and at other nodes that hold
 * the shard. Owns what the worker sends meanwhile, and how long all of it may take. The rules are in admission.ts.
 */
import { type Admission, admit, type LogAhead, type Place } from './admission.ts';
import type { AskedSession } from './asked-session.ts';
import type { RelayFailure } from './ports.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { isSameNode, RelayedSession } from './relayed-session.ts';
import type { WorkerLink } from './worker-link.ts';
import type { WorkerConnectionOptions } from './worker-options.ts';
import type { Command } from './worker-session.ts';

export interface WaitingRequestOptions {
  readonly asked: AskedSession;
  readonly link: WorkerLink;
  readonly connection: WorkerConnectionOptions;
  readonly listener: WaitingRequestListener;
}

/** Called synchronously. */
export interface WaitingRequestListener {
  onAdmitted(place: Place): void;
  /** Another node has taken the worker; `relayed` is the listener's now. */
  onRelayed(relayed: RelayedSession): void;
  onInvalidSession(why: string): void;
  /** Also when the relayed session ends. */
  onClosed(rejection: Rejection): void;
  /** The relayed session's shard has moved on. */
  onMoved(): void;
}

type Phase =
  /** The shard can't be served yet. */
  | { readonly kind: 'held'; readonly wake: Disposable | undefined }
  /** The node that holds the shard has been asked, and has not answered. */
  | { readonly kind: 'dialling'; readonly relayed: RelayedSession }
  /** It has its answer, or the worker is gone. */
  | { readonly kind: 'over' };

/** Commands of a worker that waits. What comes after is refused. */
const MAX_COMMANDS = 120;

/** After how long the directory is asked again for an owner, where the one it named did not take the worker. */
const RELAY_RETRY_MS = 250;

export class WaitingRequest implements Disposable {
  readonly asked: AskedSession;
  readonly commands: Command[] = [];
  readonly #options: WaitingRequestOptions;
  /** The hold limit and the subscription to the directory, from when there was no answer at once. */
  #patience: Disposable | undefined;
  #phase: Phase = { kind: 'held', wake: undefined };
  #isOverdue = false;
  #isOwnerSilent = false;

  constructor(options: WaitingRequestOptions) {
    this.#options = options;
    this.asked = options.asked;
  }

  get phase(): 'held' | 'dialling' {
    return this.#phase.kind === 'dialling' ? 'dialling' : 'held';
  }

  /** Looks for an answer; a listener may be called before this returns. */
  ask(): void {
    // The directory may still tell one that has just left.
    if (this.#phase.kind === 'over') return;
    const { connection, listener } = this.#options;
    const { request, application } = this.asked;
    const { pathShardId, isRelayed } = connection;
    const admission = admit(request, { application, pathShardId, isRelayed });
    switch (admission.kind) {
      case 'hold':
        admission.guildsOf?.wantGuilds?.();
        return this.#hold(admission.behind);
      case 'relay':
        return this.#dial(admission);
      case 'reject':
        return listener.onClosed(admission.rejection);
      case 'invalid-session':
        return listener.onInvalidSession(admission.why);
      case 'start':
      case 'replay':
        return listener.onAdmitted(admission);
    }
  }

  /** Whether there was room for it. */
  keep(command: Command): boolean {
    if (this.commands.length >= MAX_COMMANDS) return false;
    this.commands.push(command);
    return true;
  }

  /** The worker's; it has been acknowledged. */
  onHeartbeat(acknowledged: number | null): void {
    if (this.#phase.kind === 'dialling') this.#phase.relayed.heartbeat(acknowledged);
  }

  /** The worker has closed. */
  onWorkerClosed(code: number, reason: string): void {
    if (this.#phase.kind === 'dialling') this.#phase.relayed.close(code, reason);
  }

  [Symbol.dispose](): void {
    this.#patience?.[Symbol.dispose]();
    this.#enter({ kind: 'over' });
  }

  #hold(behind: LogAhead | undefined): void {
    this.#isOwnerSilent = false;
    const wake = behind?.shard.subscribe({
      onRecords: () => {
        if (behind.shard.log.head >= behind.sequence) this.ask();
      },
      onEpochOver: () => this.ask(),
    });
    this.#wait({ kind: 'held', wake });
  }

  #dial({ shardId, target }: Extract<Admission, { kind: 'relay' }>): void {
    const { connection, link, listener } = this.#options;
    const { peers, relayPath, forwarded, limits, clock } = connection;
    if (!peers) return this.#hold(undefined);
    if (this.#phase.kind === 'dialling' && isSameNode(this.#phase.relayed.target, target)) return;
    const relayed: RelayedSession = new RelayedSession({
      asked: this.asked,
      shardId,
      target,
      path: relayPath(shardId, this.asked.application.id),
      headers: forwarded,
      relay: peers.relay,
      link,
      maxUnsentBytes: limits.maxUnsentBytes,
      clock,
      listener: {
        onBegan: () => this.#handOver(relayed),
        onFailed: (failure, detail) => this.#onRelayFailed(relayed, failure, detail),
        onClosed: (rejection) => listener.onClosed(rejection),
        onMoved: () => listener.onMoved(),
      },
    });
    this.#wait({ kind: 'dialling', relayed });
  }

  #handOver(relayed: RelayedSession): void {
    this.#phase = { kind: 'over' };
    this.#options.listener.onRelayed(relayed);
  }

  #onRelayFailed({ shardId, target }: RelayedSession, failure: RelayFailure, detail: string): void {
    const { counts, log, clock } = this.#options.connection;
    counts.relayFailed(failure);
    // Those that a move of the shard explains, and all but the first of a worker, are no news.
    const isNews = !this.#isOwnerSilent && failure !== 'not-owner' && failure !== 'draining';
    const line = { shard: shardId, node: target.nodeId, failure, detail };
    log[isNews ? 'warn' : 'debug'](line, 'a worker could not be relayed; trying again');
    this.#isOwnerSilent = true;
    this.#wait({ kind: 'held', wake: clock.setTimer(() => this.ask(), RELAY_RETRY_MS) });
  }

  #wait(next: Phase): void {
    this.#enter(next);
    this.#patience ??= this.#bePatient();
    this.#giveUpIfOverdue();
  }

  #bePatient(): Disposable {
    const { clock, limits } = this.#options.connection;
    const patience = new DisposableStack();
    const expire = () => {
      this.#isOverdue = true;
      this.#giveUpIfOverdue();
    };
    patience.use(clock.setTimer(expire, limits.holdTimeoutMs));
    patience.use(this.asked.application.directory.subscribe(() => this.ask()));
    return patience;
  }

  /** Not while a node is asked: that one holds the worker no longer than we would. */
  #giveUpIfOverdue(): void {
    if (!this.#isOverdue || this.#phase.kind !== 'held') return;
    const { holdTimeoutMs } = this.#options.connection.limits;
    this.#options.listener.onClosed(
      this.#isOwnerSilent
        ? Rejections.ownerUnreachable(holdTimeoutMs)
        : Rejections.holdTimeout(holdTimeoutMs),
    );
  }

  #enter(next: Phase): void {
    const previous = this.#phase;
    this.#phase = next;
    if (previous.kind === 'dialling') previous.relayed[Symbol.dispose]();
    else if (previous.kind === 'held') previous.wake?.[Symbol.dispose]();
  }
}
