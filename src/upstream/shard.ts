/**
 * One shard's life with Discord: drives the library's shard through the byte tap, fixes the order of what arrives, and
 * decides whether the session goes on. On the hot path (`#onMessage`, `#onDispatch`). It keeps the session itself, because
 * the library forgets it on every network error, and forgetting it costs an IDENTIFY.
 */
import { type SessionInfo, WebSocketShardDestroyRecovery, WebSocketShardStatus } from '@discordjs/ws';
import type { WebSocket } from 'ws';
import { EventTypeId } from '../protocol/event-types.ts';
import { type PayloadHeader, scanHeader } from '../protocol/header-scan.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { reasonOf } from '../runtime/reason-of.ts';
import { within } from '../runtime/within.ts';
import { type TappedConnection, TappedShard } from './byte-tap.ts';
import { closeVerdict, explainFatalClose } from './close-policy.ts';
import { CommandQueue } from './command-queue.ts';
import { ConnectAttempts } from './connect-attempts.ts';
import { isGatewayUrl, isHello, readReady } from './control-payloads.ts';
import type { UpstreamSession } from './ports.ts';
import { Rereads } from './rereads.ts';
import { libraryOptions, type UpstreamShardOptions } from './shard-options.ts';
import { createStreamDecoder, type StreamDecoder } from './stream-decoder.ts';

/** Any code but 1000 and 1001 leaves the session resumable; this one the library uses itself. */
const KEEP_SESSION_CLOSE_CODE = 4200;

export type UpstreamState =
  | { readonly kind: 'disconnected' }
  | ({ readonly kind: 'connecting' } & OpenConnection)
  | ({ readonly kind: 'ready' } & OpenConnection)
  /** We close to RESUME. What still arrives is not taken: it would leave a gap, and the RESUME brings it again. */
  | ({ readonly kind: 'discarding' } & OpenConnection)
  /** We close for good. What still arrives is taken. */
  | ({ readonly kind: 'closing' } & OpenConnection)
  | { readonly kind: 'stopped'; readonly closeCode: number; readonly reason: string }
  | { readonly kind: 'closed' };

interface OpenConnection {
  readonly connection: TappedConnection;
  readonly decoder: StreamDecoder | undefined;
}

export class UpstreamShard implements AsyncDisposable {
  readonly commands: CommandQueue;
  /** Plain counts since the start, read by metrics. */
  readonly counts = {
    dispatches: 0,
    duplicates: 0,
    gaps: 0,
    malformed: 0,
    slowHeaders: 0,
    identifies: 0,
    resumes: 0,
    closes: new Map<number, number>(),
  };
  /** Round trip of the last heartbeat. Unit: ms. */
  heartbeatLatencyMs: number | undefined;
  readonly #options: UpstreamShardOptions;
  readonly #shard: TappedShard;
  readonly #attempts: ConnectAttempts;
  readonly #header: PayloadHeader = { op: 0, sequence: 0, typeId: 0, usedParser: false };
  readonly #rereads = new Rereads<WebSocket>();
  #session: UpstreamSession | undefined;
  #state: UpstreamState = { kind: 'disconnected' };
  /** From an IDENTIFY until its READY, or the end of the connection. */
  #identifying: PromiseWithResolvers<void> | undefined;

  constructor(options: UpstreamShardOptions) {
    this.#options = options;
    this.#attempts = new ConnectAttempts(options);
    this.#session = options.session && isGatewayUrl(options.session.resumeUrl) ? options.session : undefined;
    this.commands = new CommandQueue({ maxQueued: options.maxQueuedCommands, clock: options.clock });
    this.#shard = new TappedShard(
      {
        options: libraryOptions(options, () => this.#attempts.gatewayUrl),
        retrieveSessionInfo: () => this.#sessionInfo(),
        // The library would forget the session on every network error. What ends one is seen here, on the wire.
        updateSessionInfo: () => undefined,
        waitForIdentify: (shardId, signal) => this.#waitForIdentify(shardId, signal),
      },
      options.shardId,
      options.clock,
      (connection) => this.#onConnection(connection),
    );
    // Fatal close codes come as 'error' events; they are read off the socket's close, as are socket errors.
    this.#shard.on('error', (error) =>
      options.log.debug({ reason: error.message }, 'upstream library error'),
    );
    this.#shard.on('socketError', (error) =>
      options.log.warn({ reason: error.message }, 'upstream connection failed'),
    );
    this.#shard.on('debug', (message) => options.log.debug({ detail: message }, 'upstream library'));
    this.#shard.on('heartbeat', ({ latency }) => {
      this.heartbeatLatencyMs = latency;
    });
  }

  get state(): UpstreamState {
    return this.#state;
  }

  get session(): UpstreamSession | undefined {
    return this.#session;
  }

  start(): void {
    // Rejects where Discord ends the shard for good before its first READY, which `#onClose` has seen by then.
    this.#shard.connect().catch(() => undefined);
  }

  /** Resolves when no IDENTIFY is on its way: closing now would waste it. At the latest after `limitMs`. */
  async identified(limitMs: number): Promise<void> {
    if (!this.#identifying) return;
    await within(this.#options.clock, limitMs, this.#identifying.promise);
  }

  #endIdentifying(): void {
    this.#identifying?.resolve();
    this.#identifying = undefined;
  }

  /** Closes the connection in a way that keeps the session, takes what still arrives meanwhile, and stays closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.commands[Symbol.dispose]();
    const state = this.#state;
    if (state.kind === 'stopped') return;
    const isTaking = 'connection' in state && state.kind !== 'discarding';
    this.#leave(isTaking ? { ...state, kind: 'closing' } : { kind: 'closed' });
    this.#attempts[Symbol.dispose]();
    await this.#shard.destroy({ code: KEEP_SESSION_CLOSE_CODE, reason: 'shardmux stops' });
    this.#leave({ kind: 'closed' });
  }

  /** The library asks before each connect and at each heartbeat; only the connect may be made to wait. */
  #sessionInfo(): SessionInfo | null | Promise<SessionInfo | null> {
    return this.#shard.status === WebSocketShardStatus.Idle ? this.#beforeConnect() : this.#currentSession();
  }

  #currentSession(): SessionInfo | null {
    const { shardId, shardCount, sink } = this.#options;
    if (!this.#session) return null;
    return {
      sessionId: this.#session.sessionId,
      resumeURL: this.#attempts.resumeUrl(this.#session),
      sequence: sink.head,
      shardId,
      shardCount,
    };
  }

  async #beforeConnect(): Promise<SessionInfo | null> {
    await this.#attempts.begin();
    await this.#options.mayConnect();
    await this.#attempts.learnGatewayUrl(this.#session !== undefined);
    // The library can't be told to forget a reconnect it has begun; a promise that never settles does it.
    if (this.#state.kind !== 'disconnected') return new Promise(() => undefined);
    return this.#currentSession();
  }

  async #waitForIdentify(shardId: number, signal: AbortSignal): Promise<void> {
    await this.#options.gate.wait(shardId, signal);
    this.#identifying ??= Promise.withResolvers();
    this.counts.identifies++;
    this.#options.log.info({}, 'IDENTIFY');
  }

  #onConnection(connection: TappedConnection): void {
    const { socket } = connection;
    const decoder = createStreamDecoder(this.#options.compression);
    this.#leave({ kind: 'connecting', connection, decoder });
    if (this.#session) this.counts.resumes++;
    this.commands.resetWindow();
    connection.onPayload((bytes, start, end, isBinary) =>
      this.#onMessage(socket, bytes, start, end, isBinary),
    );
    socket.on('close', (code, reason) => this.#onClose(socket, code, reason.toString()));
  }

  #onMessage(socket: WebSocket, bytes: Buffer, start: number, end: number, isBinary: boolean): void {
    const state = this.#state;
    if (!('connection' in state) || state.connection.socket !== socket || state.kind === 'discarding') return;
    if (!isBinary) return this.#onPayload(bytes, start, end, state.connection);
    let payload: Buffer;
    try {
      if (!state.decoder) return this.#onMalformed('a binary frame on an uncompressed connection');
      payload = state.decoder.decode(bytes.subarray(start, end));
    } catch (error) {
      return this.#onMalformed(reasonOf(error));
    }
    this.#onPayload(payload, 0, payload.length, state.connection);
  }

  #onPayload(bytes: Buffer, start: number, end: number, connection: TappedConnection): void {
    const header = this.#header;
    if (!scanHeader(bytes, header, start, end))
      return this.#onMalformed('a frame that is no gateway payload');
    if (header.op === Opcode.Dispatch) return this.#onDispatch(header, bytes, start, end, connection);
    this.#onControl(header.op, bytes.toString('utf8', start, end), connection);
  }

  #onDispatch(
    header: PayloadHeader,
    bytes: Buffer,
    start: number,
    end: number,
    connection: TappedConnection,
  ): void {
    const { sink } = this.#options;
    const { sequence, typeId } = header;
    if (header.usedParser) this.counts.slowHeaders++;
    if (typeId === EventTypeId.Ready) {
      return this.#onReady(sequence, bytes.toString('utf8', start, end), connection);
    }
    if (!this.#session) return;
    if (sequence > sink.head + 1 && this.#askAgain(sequence, connection.socket)) return;
    if (typeId === EventTypeId.Resumed) return this.#onResumed(sequence, connection);
    if (sequence === 0) return this.#onMalformed('a dispatch without a sequence');
    if (sequence <= sink.head) {
      this.counts.duplicates++;
      return;
    }
    this.counts.dispatches++;
    sink.dispatch(sequence, typeId, bytes, start, end);
  }

  #onReady(sequence: number, payload: string, connection: TappedConnection): void {
    const ready = readReady(payload);
    if (!ready)
      return this.#onMalformed('a READY without a session_id and a resume_gateway_url that can be used');
    const { sessionId, resumeUrl, d } = ready;
    this.#rereads.onNewSession();
    this.#session = { sessionId, resumeUrl };
    this.#options.sink.sessionStarted(this.#session, sequence, d);
    this.#endIdentifying();
    this.#enterReady(connection, 'READY');
    const short = { session_id: sessionId, resume_gateway_url: resumeUrl };
    connection.deliver(JSON.stringify({ t: 'READY', s: sequence, op: Opcode.Dispatch, d: short }));
  }

  #onResumed(sequence: number, connection: TappedConnection): void {
    if (sequence > this.#options.sink.head) this.#options.sink.skip(sequence);
    this.#enterReady(connection, 'RESUMED');
    connection.deliver(JSON.stringify({ t: 'RESUMED', s: sequence, op: Opcode.Dispatch, d: {} }));
  }

  #enterReady(connection: TappedConnection, how: string): void {
    const state = this.#state;
    this.#attempts.succeeded();
    if (state.kind === 'connecting') this.#leave({ ...state, kind: 'ready' });
    if (this.#state.kind !== 'ready') return;
    this.#options.log.info({ sequence: this.#options.sink.head }, how);
    this.#options.sink.connected();
    this.commands.open((payload) => connection.send(payload));
  }

  #onControl(op: number, payload: string, connection: TappedConnection): void {
    if (op === Opcode.InvalidSession) return this.#onInvalidSession(payload, connection);
    if (op === Opcode.Hello && !isHello(payload))
      return this.#onMalformed('a HELLO without heartbeat_interval');
    if (op === Opcode.Reconnect) this.#options.log.info({}, 'Discord asks for a reconnect (op 7)');
    connection.deliver(payload);
  }

  #onInvalidSession(payload: string, connection: TappedConnection): void {
    const state = this.#state;
    this.#endIdentifying();
    const isResumable = (JSON.parse(payload) as { d?: unknown }).d === true;
    if (!isResumable) {
      this.#attempts.onSessionRefused();
      this.#loseSession('op 9, not resumable');
    }
    // The library answers a resumable one at once, on this connection, however often it comes: once is enough.
    if (isResumable && state.kind === 'connecting')
      return this.#reconnect('Discord can not resume the session yet');
    if (state.kind === 'ready') this.#leave({ ...state, kind: 'connecting' });
    connection.deliver(JSON.stringify({ op: Opcode.InvalidSession, d: isResumable }));
  }

  /**
   * Numbers are missing: reconnects, so that RESUME brings them, and returns true. Where there are none to bring, the dispatch is
   * taken.
   */
  #askAgain(sequence: number, socket: WebSocket): boolean {
    const { head } = this.#options.sink;
    this.counts.gaps++;
    if (!this.#rereads.mayFill(head, socket)) return false;
    this.#reconnect(`sequence ${sequence} follows ${head}`);
    return true;
  }

  /** RESUME brings it again, readable one hopes; where it never is, the session is given up rather than stuck. */
  #onMalformed(reason: string): void {
    this.counts.malformed++;
    if (!this.#rereads.mayBecomeReadable(this.#options.sink.head))
      this.#loseSession(`${reason}, again and again`);
    this.#reconnect(reason);
  }

  #reconnect(reason: string): void {
    const state = this.#state;
    if (!('connection' in state)) return;
    this.#options.log.warn({ reason }, 'upstream connection is unreadable from here: reconnecting to RESUME');
    this.#leave({ ...state, kind: 'discarding' });
    void this.#shard.destroy({
      code: KEEP_SESSION_CLOSE_CODE,
      reason: 'resuming',
      recover: WebSocketShardDestroyRecovery.Resume,
    });
  }

  #onClose(socket: WebSocket, code: number, reason: string): void {
    const state = this.#state;
    if (!('connection' in state) || state.connection.socket !== socket) return;
    this.#endIdentifying();
    if (state.kind === 'closing') return this.#leave({ kind: 'closed' });
    this.counts.closes.set(code, (this.counts.closes.get(code) ?? 0) + 1);
    const verdict = closeVerdict(code);
    this.#options.log.info({ closeCode: code, reason, verdict }, 'upstream connection closed');
    if (verdict === 'identify') this.#loseSession(`close code ${code}`);
    if (verdict === 'stop') {
      const explanation = explainFatalClose(code);
      this.#leave({ kind: 'stopped', closeCode: code, reason: explanation });
      this.#options.onStopped(code, explanation);
    } else this.#leave({ kind: 'disconnected' });
  }

  #loseSession(reason: string): void {
    if (!this.#session) return;
    this.#session = undefined;
    this.#options.log.warn({ reason }, 'upstream session lost; the shard has to IDENTIFY');
    this.#options.sink.sessionLost(reason);
  }

  /** Ends the present state and whatever belongs to it. */
  #leave(next: UpstreamState): void {
    const previous = this.#state;
    if ('decoder' in previous && !('decoder' in next && next.decoder === previous.decoder)) {
      previous.decoder?.[Symbol.dispose]();
    }
    if (previous.kind === 'ready') {
      this.commands.close();
      this.#options.sink.disconnected();
    }
    this.#state = next;
  }
}
