/** The WebSocket side: takes upgrades in, keeps the open connections, injects faults into them. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { CloseCode } from '../protocol/close-codes.ts';
import { TRANSPORT_COMPRESSIONS, type TransportCompression } from '../protocol/compression.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Application } from './application.ts';
import { monotonicMs } from './clock.ts';
import { Connection } from './connection.ts';
import { answerPayload, type DialogueContext } from './dialogue.ts';
import type { ParsedFault } from './faults.ts';
import type { Session } from './session.ts';

/** Frames beyond this are not even read; Discord's own limit of 4096 bytes is checked on what was. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** A client that stays after op 7 is disconnected. */
const RECONNECT_GRACE_MS = 10_000;

/** Late ticks up to this are ordinary; longer ones were our own stall, for which no client is blamed. */
const BLAMELESS_STALL_MS = 20;

export class Gateway implements AsyncDisposable {
  /** All there were since the start. */
  opened = 0;
  readonly #application: Application;
  readonly #context: DialogueContext;
  readonly #connections = new Set<Connection>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
  });
  #isStopping = false;

  /** `gatewayUrl` is asked for when it is needed: the port is known only then. */
  constructor(application: Application, gatewayUrl: () => string) {
    this.#application = application;
    const resumePathOf = (shard: number) => `/resume-${shard}`;
    this.#context = {
      application,
      resumePathOf,
      resumeUrlOf: (shard) => `${gatewayUrl()}${resumePathOf(shard)}`,
      resetToken: () => this.#resetToken(),
    };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const url = new URL(request.url ?? '/', 'ws://simulator');
      const compress = url.searchParams.get('compress') ?? 'none';
      const isKnown = (TRANSPORT_COMPRESSIONS as readonly string[]).includes(compress);
      const connection = new Connection({
        socket,
        webSocket,
        compression: isKnown ? (compress as TransportCompression) : 'none',
        path: url.pathname,
        heartbeatIntervalMs: this.#application.options.heartbeatIntervalMs,
        sendWindowMs: this.#application.options.sendWindowMs,
        onPayload: (from, op, d) => answerPayload(this.#context, from, op, d),
        onViolation: (kind, shard, detail) => this.#application.violations.add(kind, shard, detail),
        onClosed: (closed, session, clientCode) => this.#closed(closed, session, clientCode),
        onTooSlow: () => this.#application.violations.note('reader-too-slow'),
      });
      this.opened += 1;
      this.#connections.add(connection);
      if (url.searchParams.get('v') !== '10') {
        connection.reject(
          'invalid-api-version',
          CloseCode.InvalidApiVersion,
          `v=${url.searchParams.get('v')}`,
        );
      } else if ((url.searchParams.get('encoding') ?? 'json') !== 'json' || !isKnown) {
        connection.reject('invalid-payload', CloseCode.DecodeError, `unsupported query ${url.search}`);
      }
    });
  }

  /** Drops the silent ones, unless it was we who did not listen. */
  sweep(stalledMs: number): void {
    const nowMs = monotonicMs();
    for (const connection of this.#connections) {
      if (!connection.isListening) continue;
      if (stalledMs > BLAMELESS_STALL_MS) connection.heartbeats.excuse(stalledMs);
      if (connection.heartbeats.isSilent(nowMs)) {
        connection.reject('heartbeat-missing', CloseCode.UnknownError, 'no heartbeat');
      }
    }
  }

  /** Throws a RangeError for a shard that does not exist; a shard without a connection is passed over. */
  inject(fault: Extract<ParsedFault, { shard: number | 'all' }>): void {
    if (fault.shard !== 'all') this.#application.shard(fault.shard);
    if (fault.kind === 'forget-session') {
      for (const shard of this.#application.shards) {
        if (fault.shard === 'all' || fault.shard === shard.id) this.#application.forgetSession(shard);
      }
      return;
    }
    for (const connection of [...this.#connections]) {
      if (connection.shard === null) continue;
      if (fault.shard === 'all' || fault.shard === connection.shard) this.#injectInto(connection, fault);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    for (const connection of [...this.#connections]) connection.terminate();
    for (const webSocket of this.#server.clients) webSocket.terminate();
    this.#server.close();
  }

  #injectInto(
    connection: Connection,
    fault: Exclude<Extract<ParsedFault, { shard: number | 'all' }>, { kind: 'forget-session' }>,
  ): void {
    switch (fault.kind) {
      case 'disconnect':
        if (fault.terminate) return connection.terminate();
        return connection.close(fault.code ?? CloseCode.UnknownError, 'injected');
      case 'reconnect':
        connection.send(Opcode.Reconnect, null);
        connection.after(RECONNECT_GRACE_MS, () => connection.close(CloseCode.UnknownError, 'reconnect'));
        return;
      case 'invalid-session':
        this.#invalidate(connection, fault.resumable);
        return;
      case 'silence':
        connection.silence(fault.ms);
        // Nothing is read any more, so nobody tells when the client has gone: the session ends with the resume window.
        if (fault.ms === undefined) {
          connection.after(this.#application.options.resumeWindowMs, () => connection.session?.end());
        }
        return;
      case 'slow-reads':
        return connection.pauseReading(fault.ms);
      case 'malformed':
        return connection.sendMalformed(fault.what);
      case 'request-heartbeat':
        return connection.send(Opcode.Heartbeat, null);
    }
  }

  #invalidate(connection: Connection, isResumable: boolean): void {
    const { session } = connection;
    if (!session) return;
    session.detach(connection, this.#expiry());
    connection.phase = { kind: 'unauthenticated' };
    if (!isResumable) session.end();
    connection.send(Opcode.InvalidSession, isResumable);
  }

  #closed(connection: Connection, session: Session | undefined, clientCode: number | undefined): void {
    this.#connections.delete(connection);
    if (!session || this.#isStopping) return;
    session.detach(connection, this.#expiry());
    if (clientCode !== CloseCode.Normal && clientCode !== CloseCode.GoingAway) return;
    const detail = `closed with ${clientCode}`;
    this.#application.violations.add('session-ended-by-client', session.shard, detail);
    session.end();
  }

  #resetToken(): void {
    this.#application.isTokenRefused = true;
    for (const connection of [...this.#connections]) {
      connection.close(CloseCode.AuthenticationFailed, 'Authentication failed.');
    }
    for (const shard of this.#application.shards) shard.session?.end();
  }

  #expiry(): number {
    return monotonicMs() + this.#application.options.resumeWindowMs;
  }
}
