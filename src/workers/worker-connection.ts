/**
 * One worker's connection and what is being done for it: it owns the state and its timers. The rules are in admission.ts and
 * applications.ts, the WebSocket in worker-link.ts; a session is worker-session.ts, or relayed-session.ts at another node.
 */
import { CloseCode } from '../protocol/close-codes.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Place } from './admission.ts';
import {
  type AskedSession,
  endRefusedSession,
  readAskedSession,
  type SessionRequestPayload,
} from './asked-session.ts';
import { type Rejection, Rejections } from './rejection.ts';
import type { RelayedSession } from './relayed-session.ts';
import { WaitingRequest } from './waiting-request.ts';
import { type Message, type SessionPayload, WorkerLink } from './worker-link.ts';
import type { WorkerConnectionOptions } from './worker-options.ts';
import { type Command, WorkerSession } from './worker-session.ts';
import {
  endState,
  type State,
  type StateKind,
  sessionNameOf,
  stateKindOf,
  type WorkerSessionName,
} from './worker-state.ts';

/** How long a worker may take to close by itself after op 7: some libraries answer op 7 and our close with a connection each. */
const DRAIN_GRACE_MS = 1_000;

export class WorkerConnection {
  readonly #options: WorkerConnectionOptions;
  readonly #link: WorkerLink;
  readonly #sender = Symbol('worker');
  #state: State;

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
        onPayload: (payload, message) => this.#onPayload(payload, message),
        onHeartbeat: (acknowledged) => this.#onHeartbeat(acknowledged),
        onDrain: () => this.#onDrain(),
        onClosing: (rejection) => this.#onClosing(rejection),
        onClosed: (code, reason) => this.#onClosed(code, reason),
      },
    });
    this.#state = this.#awaitIdentify();
  }

  get stateKind(): StateKind {
    return stateKindOf(this.#state);
  }

  get account(): string | undefined {
    return this.#sessionName?.account;
  }

  get applicationId(): string | undefined {
    return this.#sessionName?.applicationId;
  }

  get shardId(): number | undefined {
    return this.#sessionName?.shardId;
  }

  /** How long the oldest record that the worker's socket has not taken has been in the log. Unit: ms. */
  lagMs(nowMs: number): number {
    const since = this.#state.kind === 'serving' ? this.#state.session.oldestUnreadAtMs : undefined;
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
  drain(rejection: Rejection = Rejections.draining()): void {
    if (this.#state.kind === 'closed' || this.#state.kind === 'draining') return;
    const { clock, limits } = this.#options;
    // Half of the drain time, where that is short: the rest is for the worker's answer to the close.
    const graceMs = Math.min(DRAIN_GRACE_MS, limits.drainTimeoutMs / 2);
    this.#enter({
      kind: 'draining',
      of: this.#sessionName,
      timer: clock.setTimer(() => this.#link.close(rejection), graceMs),
    });
    this.#link.sendControl(Opcode.Reconnect, null);
  }

  /** The shard is no longer served from here. */
  drainFrom(applicationId: string, shardId: number): void {
    const state = this.#state;
    if (state.kind === 'waiting') state.waiting.ask();
    else if (
      state.kind === 'serving' &&
      this.shardId === shardId &&
      state.session.applicationId === applicationId
    ) {
      this.drain(Rejections.shardMoved());
    }
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

  get #sessionName(): WorkerSessionName | undefined {
    return sessionNameOf(this.#state);
  }

  #onPayload(payload: SessionPayload, message: Message): void {
    if (payload.kind === 'command') this.#onCommand(payload);
    else this.#onSessionRequest(payload, message);
  }

  #onSessionRequest(payload: SessionRequestPayload, message: Message): void {
    if (this.#state.kind === 'draining') return;
    if (this.#state.kind !== 'awaiting-identify') return this.#link.close(Rejections.alreadyAuthenticated());
    const account = this.#options.authenticator.authenticate(payload.token);
    if (account === undefined) return this.#link.close(Rejections.authenticationFailed());
    this.#options.onAuthenticated();
    const reading = readAskedSession(payload, message, account, this.#options);
    if (reading.kind === 'reject') this.#link.close(reading.rejection);
    else if (reading.kind === 'invalid-session') this.#refuseSession(account.name, reading.why);
    else this.#ask(reading.asked);
  }

  #ask(asked: AskedSession): void {
    const waiting: WaitingRequest = new WaitingRequest({
      asked,
      link: this.#link,
      connection: this.#options,
      listener: {
        onAdmitted: (place) => this.#begin(waiting, place),
        onRelayed: (relayed) => this.#relay(waiting, relayed),
        onInvalidSession: (why) => {
          endRefusedSession(asked);
          this.#refuseSession(asked.request.account, why);
        },
        onClosed: (rejection) => this.#link.close(rejection),
        onMoved: () => this.drain(Rejections.shardMoved()),
      },
    });
    this.#enter({ kind: 'waiting', waiting });
    waiting.ask();
  }

  #relay({ commands }: WaitingRequest, relayed: RelayedSession): void {
    const { account, shardId: shard, target } = relayed;
    this.#options.counts.relays++;
    this.#options.log.info({ account, shard, node: target.nodeId }, 'relaying a worker');
    this.#enter({ kind: 'relaying', relayed });
    for (const { payload } of commands) relayed.send(payload, false);
  }

  /** Begins a session, and takes up the commands that waited for it. */
  #begin({ asked, commands }: WaitingRequest, place: Place): void {
    const { isRelayed, peers, counts } = this.#options;
    const { request, application } = asked;
    if (request.kind === 'identify') counts.identifies++;
    else counts.resumes++;
    const session = new WorkerSession({
      place,
      applicationId: application.id,
      request,
      sender: this.#sender,
      link: this.#link,
      connection: this.#options,
      listener: { onLost: () => this.#onLost(), onEpochOver: () => this.#invalidateSession() },
    });
    this.#enter({ kind: 'serving', session });
    session.begin();
    if (isRelayed) {
      counts.relayedSessions++;
      peers?.onRelayed?.(application.id, place.shard.shardId);
    }
    for (const command of commands) if (this.#state.kind === 'serving') this.#onCommand(command);
  }

  #onLost(): void {
    this.#options.counts.lost++;
    this.#options.log.warn(
      { account: this.account, shard: this.shardId },
      'a worker fell out of the event log',
    );
    this.#invalidateSession();
  }

  #refuseSession(account: string, why: string): void {
    this.#options.log.info({ account, why }, 'INVALID_SESSION to a worker');
    this.#invalidateSession();
  }

  #invalidateSession(): void {
    this.#options.counts.invalidSessions++;
    if (this.#state.kind === 'serving') this.#state.session.end();
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
    switch (state.kind) {
      case 'closed':
      // Its messages are not read here.
      case 'relaying':
        return;
      case 'draining':
        this.#options.counts.droppedCommands++;
        return;
      case 'awaiting-identify':
        return this.#link.close(Rejections.notAuthenticated(command.op));
      case 'waiting':
        if (!state.waiting.keep(command)) this.#link.close(Rejections.tooManyCommands());
        return;
      case 'serving':
        return this.#submit(command, state.session);
    }
  }

  #submit(command: Command, session: WorkerSession): void {
    const { counts } = this.#options;
    const submission = session.submit(command);
    switch (submission) {
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
      default:
        return this.#link.close(submission);
    }
  }

  #onHeartbeat(acknowledged: number | null): void {
    if (this.#state.kind === 'waiting') this.#state.waiting.onHeartbeat(acknowledged);
  }

  #onDrain(): void {
    if (this.#state.kind === 'serving') this.#state.session.pump();
    else if (this.#state.kind === 'relaying') this.#state.relayed.onWorkerDrain();
  }

  #enter(next: State): void {
    const previous = this.#state;
    this.#state = next;
    endState(previous, next);
  }

  #onClosing({ code, reason }: Rejection): void {
    const { account, shardId: shard } = this;
    this.#options.log.info({ account, shard, closeCode: code, reason }, 'closing a worker connection');
    this.#enter({ kind: 'closed' });
  }

  #onClosed(code: number, reason: string): void {
    if (this.#state.kind === 'relaying') this.#state.relayed.close(code, reason);
    else if (this.#state.kind === 'waiting') this.#state.waiting.onWorkerClosed(code, reason);
    else if (this.#state.kind === 'serving' && this.#isFinal(code)) this.#state.session.end();
    this.#enter({ kind: 'closed' });
    this.#options.onClosed();
  }

  /** Whether a worker that closes so is done with its session, as with Discord. Through another node, 1001 may be that node's. */
  #isFinal(code: number): boolean {
    return code === CloseCode.Normal || (code === CloseCode.GoingAway && !this.#options.isRelayed);
  }
}
