/**
 * One worker's connection: a gateway session as Discord would give it, served from memory. It owns the socket, the timers
 * and the state; the rules are in admission.ts and payloads.ts, the bytes in delivery.ts.
 */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { MAX_SEND_BYTES, SEND_WINDOW_MS, SENDS_PER_WINDOW } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Clock } from '../runtime/clock.ts';
import { SlidingWindow } from '../runtime/sliding-window.ts';
import { type Admission, admit, type SessionRequest } from './admission.ts';
import type { WorkerCounts } from './counts.ts';
import { Delivery } from './delivery.ts';
import { readWorkerPayload, type WorkerPayload } from './payloads.ts';
import type { Authenticator, ShardDirectory, WorkerLog, WorkerShard } from './ports.ts';
import { applicationIdOf, readyPayload, resumedPayload } from './ready.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { signSessionId, verifySessionId } from './session-id.ts';

export interface WorkerLimits {
  readonly heartbeatIntervalMs: number;
  readonly identifyTimeoutMs: number;
  readonly holdTimeoutMs: number;
  readonly maxUnsentBytes: number;
}

export interface WorkerConnectionOptions {
  readonly webSocket: WebSocket;
  /** The socket under `webSocket`. Finished frames go straight to it, always whole, between those that `ws` writes. */
  readonly socket: Duplex;
  /** Shard in the path, where there is one. */
  readonly pathShardId: number | undefined;
  /** Where a worker reaches a shard, for READY. */
  readonly resumeUrl: (shardId: number) => string;
  readonly directory: ShardDirectory;
  readonly authenticator: Authenticator;
  readonly sessionKey: Buffer;
  readonly limits: WorkerLimits;
  readonly clock: Clock;
  readonly counts: WorkerCounts;
  readonly log: WorkerLog;
  readonly onClosed: () => void;
}

type State =
  | { readonly kind: 'awaiting-identify'; readonly timer: Disposable }
  /** The shard can't be served yet. */
  | {
      readonly kind: 'held';
      readonly request: SessionRequest;
      readonly timer: Disposable;
      readonly waiting: Disposable;
    }
  /** Sending what the worker missed, up to and including sequence `until`; then RESUMED. */
  | ({ readonly kind: 'replaying'; readonly until: number } & Session)
  | ({ readonly kind: 'live' } & Session)
  | { readonly kind: 'closed' };

interface Session {
  readonly shard: WorkerShard;
  readonly account: string;
  readonly delivery: Delivery;
  readonly subscription: Disposable;
}

/** Heartbeat intervals without a heartbeat until a worker counts as gone. */
const SILENT_INTERVALS = 2;

/** How long a worker may take to answer our close, or to read what is before it. */
const CLOSE_TIMEOUT_MS = 5_000;

export class WorkerConnection {
  readonly #options: WorkerConnectionOptions;
  readonly #sends = new SlidingWindow(SENDS_PER_WINDOW, SEND_WINDOW_MS);
  readonly #onDrain = () => this.#pump();
  #state: State;
  #silence: Disposable;
  /** Sequence in the worker's last heartbeat: what it says it has. */
  acknowledgedSequence: number | null = null;

  constructor(options: WorkerConnectionOptions) {
    this.#options = options;
    const { webSocket, socket, clock, limits } = options;
    this.#state = this.#awaitIdentify();
    this.#silence = clock.setTimer(() => this.#onSilent(), limits.heartbeatIntervalMs * SILENT_INTERVALS);
    webSocket.on('message', (message) => this.#onMessage(message));
    webSocket.on('close', () => this.#onClosed());
    // A malformed frame, or the connection broke: `ws` closes, and 'close' follows.
    webSocket.on('error', (error) =>
      options.log.debug({ reason: error.message }, 'worker connection failed'),
    );
    socket.on('drain', this.#onDrain);
    this.#sendControl(Opcode.Hello, { heartbeat_interval: limits.heartbeatIntervalMs, _trace: ['shardmux'] });
  }

  get stateKind(): State['kind'] {
    return this.#state.kind;
  }

  get account(): string | undefined {
    return 'account' in this.#state ? this.#state.account : undefined;
  }

  get shardId(): number | undefined {
    return 'shard' in this.#state ? this.#state.shard.shardId : undefined;
  }

  /** How long the oldest record that the worker's socket has not taken has been in the log. Unit: ms. */
  lagMs(nowMs: number): number {
    const since = 'delivery' in this.#state ? this.#state.delivery.cursor.oldestUnreadAtMs : undefined;
    return since === undefined ? 0 : Math.max(0, nowMs - since);
  }

  get unsentBytes(): number {
    return this.#options.socket.writableLength;
  }

  /** Asks the worker to come back with RESUME, and closes. */
  drain(): void {
    if (this.#state.kind === 'closed') return;
    this.#sendControl(Opcode.Reconnect, null);
    this.#close(Rejections.draining());
  }

  close(rejection: Rejection): void {
    this.#close(rejection);
  }

  terminate(): void {
    this.#options.webSocket.terminate();
  }

  #onMessage(message: RawData): void {
    if (this.#state.kind === 'closed') return;
    const { counts, clock } = this.#options;
    const bytes = Buffer.isBuffer(message)
      ? message
      : Buffer.concat([message].flat().map((part) => Buffer.from(part as ArrayBuffer)));
    counts.received++;
    if (bytes.length > MAX_SEND_BYTES) return this.#close(Rejections.oversized(bytes.length, MAX_SEND_BYTES));
    if (!this.#sends.take(clock.now()))
      return this.#close(Rejections.rateLimited(SENDS_PER_WINDOW, SEND_WINDOW_MS));
    this.#onPayload(readWorkerPayload(bytes));
  }

  #onPayload(payload: WorkerPayload): void {
    switch (payload.kind) {
      case 'heartbeat':
        return this.#onHeartbeat(payload.acknowledged);
      case 'identify':
      case 'resume':
        return this.#onSessionRequest(payload);
      case 'command':
        return this.#onCommand(payload.op, payload.payload);
      case 'rejected':
        return this.#close(payload.rejection);
    }
  }

  #onHeartbeat(acknowledged: number | null): void {
    const { clock, limits } = this.#options;
    this.acknowledgedSequence = acknowledged;
    this.#silence[Symbol.dispose]();
    this.#silence = clock.setTimer(() => this.#onSilent(), limits.heartbeatIntervalMs * SILENT_INTERVALS);
    this.#sendControl(Opcode.HeartbeatAck, null);
  }

  #onSilent(): void {
    this.#close(Rejections.heartbeatTimeout(this.#options.limits.heartbeatIntervalMs * SILENT_INTERVALS));
  }

  #onSessionRequest(payload: Extract<WorkerPayload, { kind: 'identify' | 'resume' }>): void {
    if (this.#state.kind !== 'awaiting-identify') return this.#close(Rejections.alreadyAuthenticated());
    const account = this.#options.authenticator.authenticate(payload.token);
    if (account === undefined) return this.#close(Rejections.authenticationFailed());
    if (payload.kind === 'identify') {
      const { intents, shard } = payload;
      return this.#answer({ kind: 'identify', account, intents, shard });
    }
    const claims = verifySessionId(payload.sessionId, this.#options.sessionKey);
    this.#answer({ kind: 'resume', account, claims, sequence: payload.sequence });
  }

  #answer(request: SessionRequest): void {
    const { directory, pathShardId, counts, log } = this.#options;
    const admission = admit(request, directory, pathShardId);
    switch (admission.kind) {
      case 'hold':
        if (this.#state.kind !== 'held') this.#enter(this.#hold(request));
        return;
      case 'reject':
        return this.#close(admission.rejection);
      case 'invalid-session':
        log.info({ account: request.account, why: admission.why }, 'INVALID_SESSION to a worker');
        return this.#invalidateSession();
      case 'start':
        counts.identifies++;
        return this.#start(request, admission);
      case 'replay':
        counts.resumes++;
        return this.#replay(request.account, admission);
    }
  }

  #hold(request: SessionRequest): State {
    const { clock, limits, directory } = this.#options;
    const expire = () => this.#close(Rejections.holdTimeout(limits.holdTimeoutMs));
    return {
      kind: 'held',
      request,
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
        applicationId: applicationIdOf(serving.ready),
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
    this.#send(
      readyPayload({ shard, serving, sequence: cursor.sequence, sessionId, resumeUrl: resumeUrl(shardId) }),
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
    if (state.kind === 'live') {
      if (state.delivery.pump() === 'lost') this.#onLost();
    } else if (state.kind === 'replaying') {
      const result = state.delivery.pump(state.until);
      if (result === 'lost') return this.#onLost();
      if (result === 'blocked') return;
      this.#enter({ ...state, kind: 'live' });
      this.#send(resumedPayload(state.until));
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
    // Behind what it has not read, it may never see that.
    const { clock, socket } = this.#options;
    if (socket.writableLength > 0) {
      const cut = clock.setTimer(() => {
        if (socket.writableLength > 0) this.#close(Rejections.tooSlow());
      }, CLOSE_TIMEOUT_MS);
      socket.once('close', () => cut[Symbol.dispose]());
    }
  }

  #invalidateSession(): void {
    this.#options.counts.invalidSessions++;
    this.#enter(this.#awaitIdentify());
    this.#sendControl(Opcode.InvalidSession, false);
  }

  #awaitIdentify(): State {
    const { clock, limits } = this.#options;
    const expire = () => this.#close(Rejections.identifyTimeout(limits.identifyTimeoutMs));
    return { kind: 'awaiting-identify', timer: clock.setTimer(expire, limits.identifyTimeoutMs) };
  }

  #onCommand(op: number, payload: string): void {
    const { counts, log } = this.#options;
    const state = this.#state;
    if (!('shard' in state)) return this.#close(Rejections.notAuthenticated(op));
    if (state.shard.submit(payload) === 'full') {
      log.warn(
        { account: state.account, shard: state.shard.shardId },
        'the command queue of a shard is full',
      );
      return this.#close(Rejections.commandQueueFull());
    }
    counts.commands++;
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

  #sendControl(op: number, d: unknown): void {
    this.#send(JSON.stringify({ t: null, s: null, op, d }));
  }

  #send(payload: string): void {
    const { webSocket } = this.#options;
    if (webSocket.readyState === webSocket.OPEN) webSocket.send(payload);
  }

  #close(rejection: Rejection): void {
    if (this.#state.kind === 'closed') return;
    const { webSocket, clock, log, counts } = this.#options;
    log.info(
      { account: this.account, shard: this.shardId, closeCode: rejection.code, reason: rejection.reason },
      'closing a worker connection',
    );
    counts.closed(rejection.code);
    this.#enter({ kind: 'closed' });
    this.#silence[Symbol.dispose]();
    webSocket.close(rejection.code, rejection.reason);
    const cut = clock.setTimer(() => webSocket.terminate(), CLOSE_TIMEOUT_MS);
    webSocket.once('close', () => cut[Symbol.dispose]());
  }

  #onClosed(): void {
    const { counts, socket, onClosed } = this.#options;
    if (this.#state.kind !== 'closed') counts.closedByWorker();
    this.#enter({ kind: 'closed' });
    this.#silence[Symbol.dispose]();
    socket.off('drain', this.#onDrain);
    onClosed();
  }
}
