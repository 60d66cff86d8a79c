/**
 * One worker's session: a gateway session as Discord would give it, served from memory. It owns the state and its timers;
 * the rules are in admission.ts, the connection in worker-link.ts, the bytes in delivery.ts.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { Opcode } from '../protocol/opcodes.ts';
import { shardOfGuild } from '../protocol/sharding.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Admission, admit, type SessionRequest } from './admission.ts';
import { chooseApplication } from './applications.ts';
import type { WorkerCounts } from './counts.ts';
import { Delivery } from './delivery.ts';
import type { WorkerPayload } from './payloads.ts';
import type { Authenticator, ServedApplication, WorkerLog, WorkerShard } from './ports.ts';
import { readyPayload, resumedPayload } from './ready.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { signSessionId, verifySessionId } from './session-id.ts';
import { type SessionPayload, WorkerLink } from './worker-link.ts';

export interface WorkerLimits {
  readonly heartbeatIntervalMs: number;
  readonly identifyTimeoutMs: number;
  readonly holdTimeoutMs: number;
  readonly maxUnsentBytes: number;
  readonly drainTimeoutMs: number;
}

export interface WorkerConnectionOptions {
  readonly webSocket: WebSocket;
  /** The socket under `webSocket`. */
  readonly socket: Duplex;
  readonly pathApplication: ServedApplication | undefined;
  /** Shard in the path, where there is one. */
  readonly pathShardId: number | undefined;
  readonly isRelayed: boolean;
  /** Where a worker reaches a shard, for READY. */
  readonly resumeUrl: (shardId: number, applicationId: string) => string;
  readonly applications: readonly ServedApplication[];
  readonly authenticator: Authenticator;
  readonly sessionKey: Buffer;
  readonly limits: WorkerLimits;
  readonly clock: Clock;
  readonly counts: WorkerCounts;
  readonly log: WorkerLog;
  /** It has shown a token of ours; called again when it does so again. */
  readonly onAuthenticated: () => void;
  readonly onClosed: () => void;
}

type Command = Extract<WorkerPayload, { kind: 'command' }>;

type State =
  | { readonly kind: 'awaiting-identify'; readonly timer: Disposable }
  /** The shard can't be served yet. */
  | {
      readonly kind: 'held';
      /** What it sent meanwhile, for when its session begins. */
      readonly commands: Command[];
      readonly timer: Disposable;
      readonly waiting: Disposable;
    }
  /** Sending what the worker missed, up to and including sequence `until`; then RESUMED. */
  | ({ readonly kind: 'replaying'; readonly until: number } & Session)
  | ({ readonly kind: 'live' } & Session)
  /** It was sent op 7 and gets nothing more of the session; it has until the timer is due to close by itself. */
  | {
      readonly kind: 'draining';
      readonly account: string | undefined;
      readonly shard: WorkerShard | undefined;
      readonly timer: Disposable;
    }
  | { readonly kind: 'closed' };

interface Session {
  readonly shard: WorkerShard;
  readonly account: string;
  readonly delivery: Delivery;
  readonly subscription: Disposable;
}

/** Commands of a worker that is held. What comes after is refused. */
const MAX_HELD_COMMANDS = 120;

/** How long a worker may take to close by itself after op 7: some libraries answer op 7 and our close with a connection each. */
const DRAIN_GRACE_MS = 1_000;

export class WorkerConnection {
  readonly #options: WorkerConnectionOptions;
  readonly #link: WorkerLink;
  readonly #sender = Symbol('worker');
  #state: State;
  #application: ServedApplication | undefined;

  constructor(options: WorkerConnectionOptions) {
    this.#options = options;
    const { webSocket, socket, clock, counts, limits } = options;
    this.#link = new WorkerLink({
      webSocket,
      socket,
      heartbeatIntervalMs: limits.heartbeatIntervalMs,
      clock,
      counts,
      listener: {
        onPayload: (payload) => this.#onPayload(payload),
        onDrain: () => this.#pump(),
        onClosing: (rejection) => this.#onClosing(rejection),
        onClosed: () => this.#onClosed(),
      },
    });
    this.#state = this.#awaitIdentify();
  }

  get stateKind(): State['kind'] {
    return this.#state.kind;
  }

  get account(): string | undefined {
    return 'account' in this.#state ? this.#state.account : undefined;
  }

  get shardId(): number | undefined {
    return 'shard' in this.#state ? this.#state.shard?.shardId : undefined;
  }

  /** How long the oldest record that the worker's socket has not taken has been in the log. Unit: ms. */
  lagMs(nowMs: number): number {
    const since = 'delivery' in this.#state ? this.#state.delivery.cursor.oldestUnreadAtMs : undefined;
    return since === undefined ? 0 : Math.max(0, nowMs - since);
  }

  get unsentBytes(): number {
    return this.#link.unsentBytes;
  }

  /** Sequence in the worker's last heartbeat: what it says it has. */
  get acknowledgedSequence(): number | null {
    return this.#link.acknowledgedSequence;
  }

  /** Asks the worker to leave and come back with RESUME; closes it if it has not left soon. */
  drain(): void {
    const state = this.#state;
    if (state.kind === 'closed' || state.kind === 'draining') return;
    const { clock, limits } = this.#options;
    // Half of the drain time, where that is short: the rest is for the worker's answer to the close.
    const graceMs = Math.min(DRAIN_GRACE_MS, limits.drainTimeoutMs / 2);
    this.#enter({
      kind: 'draining',
      account: this.account,
      shard: 'shard' in state ? state.shard : undefined,
      timer: clock.setTimer(() => this.#link.close(Rejections.draining()), graceMs),
    });
    this.#link.sendControl(Opcode.Reconnect, null);
  }

  close(rejection: Rejection): void {
    this.#link.close(rejection);
  }

  /** Closes it for the sake of others, and does not wait for its answer. */
  evict(): void {
    this.#link.close(Rejections.tooManyUnidentified());
    this.#link.endSocket();
  }

  terminate(): void {
    this.#link.terminate();
  }

  #onPayload(payload: SessionPayload): void {
    if (payload.kind === 'command') this.#onCommand(payload);
    else this.#onSessionRequest(payload);
  }

  #onSessionRequest(payload: Extract<SessionPayload, { kind: 'identify' | 'resume' }>): void {
    if (this.#state.kind === 'draining') return;
    if (this.#state.kind !== 'awaiting-identify') return this.#link.close(Rejections.alreadyAuthenticated());
    const account = this.#options.authenticator.authenticate(payload.token);
    if (account === undefined) return this.#link.close(Rejections.authenticationFailed());
    this.#options.onAuthenticated();
    const { applications, pathApplication: path } = this.#options;
    const claims =
      payload.kind === 'resume' ? verifySessionId(payload.sessionId, this.#options.sessionKey) : undefined;
    const choice = chooseApplication(applications, { path, account, claimed: claims?.applicationId });
    if (choice.kind === 'reject') return this.#link.close(choice.rejection);
    if (choice.kind === 'foreign-session') return this.#invalidateSession();
    this.#application = choice.application;
    const { name } = account;
    if (payload.kind === 'identify') {
      const { intents, shard } = payload;
      return this.#answer({ kind: 'identify', account: name, intents, shard });
    }
    this.#answer({ kind: 'resume', account: name, claims, sequence: payload.sequence });
  }

  #answer(request: SessionRequest): void {
    const { pathShardId, isRelayed, counts, log } = this.#options;
    const application = this.#application as ServedApplication;
    const admission = admit(request, { application, pathShardId, isRelayed });
    switch (admission.kind) {
      case 'relay':
      case 'hold':
        if (this.#state.kind !== 'held') this.#enter(this.#hold(request));
        return;
      case 'reject':
        return this.#link.close(admission.rejection);
      case 'invalid-session':
        log.info({ account: request.account, why: admission.why }, 'INVALID_SESSION to a worker');
        return this.#invalidateSession();
      case 'start':
        counts.identifies++;
        return this.#submitHeld(() => this.#start(request, admission));
      case 'replay':
        counts.resumes++;
        return this.#submitHeld(() => this.#replay(request.account, admission));
    }
  }

  /** Begins a session, and takes up the commands that waited for it. */
  #submitHeld(begin: () => void): void {
    const commands = this.#state.kind === 'held' ? this.#state.commands : [];
    begin();
    for (const command of commands) if ('shard' in this.#state) this.#onCommand(command);
  }

  #hold(request: SessionRequest): State {
    const { clock, limits } = this.#options;
    const { directory } = this.#application as ServedApplication;
    const expire = () => this.#link.close(Rejections.holdTimeout(limits.holdTimeoutMs));
    return {
      kind: 'held',
      commands: [],
      timer: clock.setTimer(expire, limits.holdTimeoutMs),
      waiting: directory.subscribe(() => this.#answer(request)),
    };
  }

  #start(request: SessionRequest, admission: Extract<Admission, { kind: 'start' | 'replay' }>): void {
    const { shard, serving, cursor } = admission;
    const { sessionKey, resumeUrl } = this.#options;
    const { shardId, shardCount } = shard;
    const sessionId = signSessionId(
      {
        applicationId: (this.#application as ServedApplication).id,
        shardId,
        shardCount,
        epoch: serving.epoch,
        startSequence: cursor.sequence,
        intents: request.kind === 'identify' ? request.intents : 0,
        account: request.account,
      },
      sessionKey,
    );
    this.#enter({ kind: 'live', ...this.#session(request.account, admission) });
    this.#link.send(
      readyPayload({
        shard,
        serving,
        sequence: cursor.sequence,
        sessionId,
        resumeUrl: resumeUrl(shardId, (this.#application as ServedApplication).id),
      }),
    );
    this.#pump();
  }

  #replay(account: string, admission: Extract<Admission, { kind: 'start' | 'replay' }>): void {
    this.#enter({
      kind: 'replaying',
      until: admission.shard.log.head,
      ...this.#session(account, admission),
    });
    this.#pump();
  }

  #session(account: string, { shard, cursor }: Extract<Admission, { kind: 'start' | 'replay' }>): Session {
    const { socket, limits } = this.#options;
    return {
      shard,
      account,
      delivery: new Delivery(cursor, socket, limits.maxUnsentBytes),
      subscription: shard.subscribe({
        onRecords: () => this.#pump(),
        onEpochOver: () => this.#invalidateSession(),
      }),
    };
  }

  #pump(): void {
    const state = this.#state;
    if (!this.#link.isOpen) return;
    if (state.kind === 'live') {
      if (state.delivery.pump() === 'lost') this.#onLost();
    } else if (state.kind === 'replaying') {
      const result = state.delivery.pump(state.until);
      if (result === 'lost') return this.#onLost();
      if (result === 'blocked') return;
      this.#enter({ ...state, kind: 'live' });
      this.#link.send(resumedPayload(state.until));
      this.#pump();
    }
  }

  /** It read too slowly, or came too late during replay. */
  #onLost(): void {
    this.#options.counts.lost++;
    this.#options.log.warn(
      { account: this.account, shard: this.shardId },
      'a worker fell out of the event log',
    );
    this.#invalidateSession();
  }

  #invalidateSession(): void {
    this.#options.counts.invalidSessions++;
    this.#enter(this.#awaitIdentify());
    this.#link.sendControl(Opcode.InvalidSession, false);
  }

  #awaitIdentify(): State {
    const { clock, limits } = this.#options;
    const expire = () => this.#link.close(Rejections.identifyTimeout(limits.identifyTimeoutMs));
    const timer = new DisposableStack();
    timer.use(clock.setTimer(expire, limits.identifyTimeoutMs));
    // Behind what it has not read, it may never see INVALID_SESSION.
    if (this.#link.unsentBytes > 0) timer.use(this.#link.closeUnlessRead());
    return { kind: 'awaiting-identify', timer };
  }

  #onCommand(command: Command): void {
    const state = this.#state;
    const { counts } = this.#options;
    switch (state.kind) {
      case 'closed':
        return;
      case 'draining':
        counts.droppedCommands++;
        return;
      case 'awaiting-identify':
        return this.#link.close(Rejections.notAuthenticated(command.op));
      case 'held':
        if (state.commands.length >= MAX_HELD_COMMANDS) return this.#link.close(Rejections.tooManyCommands());
        state.commands.push(command);
        return;
      default:
        return this.#submit(command, state.shard);
    }
  }

  #submit({ payload, guildIds }: Command, shard: WorkerShard): void {
    const { shardId, shardCount } = shard;
    const stray = guildIds.find((guildId) => shardOfGuild(guildId, shardCount) !== shardId);
    if (stray !== undefined) {
      return this.#link.close(Rejections.guildOfAnotherShard(stray, shardOfGuild(stray, shardCount)));
    }
    const { counts } = this.#options;
    switch (shard.submit(payload, this.#sender)) {
      case 'queued':
        counts.commands++;
        return;
      case 'full':
        return this.#link.close(Rejections.commandQueueFull());
      case 'sender-full':
        return this.#link.close(Rejections.tooManyCommands());
      case 'closed':
        counts.droppedCommands++;
        return this.drain();
    }
  }

  #enter(next: State): void {
    const previous = this.#state;
    this.#state = next;
    if ('timer' in previous) previous.timer[Symbol.dispose]();
    if ('waiting' in previous) previous.waiting[Symbol.dispose]();
    const isKept =
      'subscription' in previous && 'subscription' in next && next.subscription === previous.subscription;
    if ('subscription' in previous && !isKept) previous.subscription[Symbol.dispose]();
  }

  #onClosing({ code, reason }: Rejection): void {
    const { account, shardId: shard } = this;
    this.#options.log.info({ account, shard, closeCode: code, reason }, 'closing a worker connection');
    this.#enter({ kind: 'closed' });
  }

  #onClosed(): void {
    this.#enter({ kind: 'closed' });
    this.#options.onClosed();
  }
}
