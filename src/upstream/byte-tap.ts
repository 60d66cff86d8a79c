/**
 * The seam between `@discordjs/ws` and us: a shard of the library whose `ws` connection we see first, so that bytes
 * reach us synchronously and in order, and the library is handed only the frames it needs (HELLO, heartbeats, op 7, op 9,
 * READY, RESUMED). `test/contract/byte-tap.test.ts` pins what this rests on:
 *
 * - the library keeps its connection in the own property `connection` and assigns it once a connect, after `onmessage`,
 *   before anything can arrive;
 * - a handler given `{ data: <string> }` treats it as an uncompressed payload;
 * - `ws` gives its raw socket with the 'upgrade' event, and by 'open' has exactly one 'data' listener there, which takes
 *   whole frames one at a time as well as any other chunks;
 * - `compression` goes through the exported `CompressionParameterMap` into the URL, and only the two values it knows
 *   switch on its own inflating. Ours does not, so its decompression, which loses events, never runs.
 */

import type { Duplex } from 'node:stream';
import {
  CloseCodes,
  type CompressionMethod,
  CompressionParameterMap,
  type IContextFetchingStrategy,
  WebSocketShard,
  type WebSocketShardDestroyOptions,
} from '@discordjs/ws';
import { WebSocket } from 'ws';
import { CloseCode } from '../protocol/close-codes.ts';
import type { TransportCompression } from '../protocol/compression.ts';
import type { Clock } from '../runtime/clock.ts';
import { FrameError, FrameReader } from './frame-reader.ts';

/** The installed `@discordjs/ws` does not work the way the seam needs it to. */
export class TapError extends Error {
  override name = 'TapError';
}

export type TakePayload = (bytes: Buffer, start: number, end: number, isBinary: boolean) => void;

/** One connection of the shard, from before it opens. */
export interface TappedConnection {
  readonly socket: WebSocket;
  /** Who takes the payloads, in order and synchronously: `bytes` from `start` to `end`, valid during the call. */
  onPayload(take: TakePayload): void;
  /** Hands the library one uncompressed payload, unless the connection is closing. */
  deliver(payload: string): void;
  /** Sends one payload to Discord past the library's queue. False where the connection is closing: nothing was sent. */
  send(payload: string): boolean;
}

/** How long a peer may take to answer our close before the socket is cut: a zombie never does, and `ws` waits 30 s. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * The library's `compression` option that makes it ask for `compression` and leave the inflating to us; `null` for none.
 */
export function libraryCompression(compression: TransportCompression): CompressionMethod | null {
  if (compression === 'none') return null;
  // The map is the library's own, typed for its two methods; a third key is what makes a third method.
  const parameters: Record<string, string> = CompressionParameterMap;
  parameters[compression] = compression;
  return compression as unknown as CompressionMethod;
}

export class TappedShard extends WebSocketShard {
  readonly #clock: Clock;
  #socket: WebSocket | null = null;
  /** The connection that `destroy` was last called for. */
  #destroyed: WebSocket | null = null;

  constructor(
    strategy: IContextFetchingStrategy,
    id: number,
    clock: Clock,
    onConnection: (connection: TappedConnection) => void,
  ) {
    super(strategy, id);
    this.#clock = clock;
    if (!Object.hasOwn(this, 'connection')) {
      throw new TapError(
        'this version of @discordjs/ws keeps its connection elsewhere; use the pinned version',
      );
    }
    Object.defineProperty(this, 'connection', {
      get: () => this.#socket,
      set: (socket: WebSocket | null) => {
        this.#socket = socket;
        if (socket) onConnection(tapped(socket));
      },
    });
  }

  /**
   * One destruction a connection. The library calls this again, with a reconnect, when it cancels its own wait for HELLO or
   * READY on the way; that would take the close listener off which the first call waits for, and connect behind our back.
   */
  override async destroy(options: WebSocketShardDestroyOptions = {}): Promise<void> {
    const socket = this.#socket;
    if (socket && this.#destroyed === socket) return closed(socket);
    this.#destroyed = socket;
    if (socket?.readyState === WebSocket.OPEN) {
      const cut = this.#clock.setTimer(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => cut[Symbol.dispose]());
    } else if (socket?.readyState === WebSocket.CONNECTING) {
      // The library only closes open connections, and would leave this one to connect behind its back. Its handlers
      // go first, or its `onclose` would destroy and reconnect a second time.
      socket.onclose = null;
      socket.terminate();
    }
    await super.destroy(options);
  }
}

function closed(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function tapped(socket: WebSocket): TappedConnection {
  const handler = socket.onmessage;
  if (!handler) throw new TapError('this version of @discordjs/ws listens to its connection in another way');
  socket.onmessage = null;
  socket.binaryType = 'nodebuffer';
  const { onclose } = socket;
  socket.onclose = (event) => {
    // The library takes this code for its own close and would never connect again; from Discord it is one like others.
    const code = event.code === CloseCodes.Resuming ? CloseCode.UnknownError : event.code;
    onclose?.({ code, reason: event.reason, wasClean: event.wasClean, type: event.type, target: socket });
  };
  // The library takes its own listener off while it closes; an error after that must not end the process.
  socket.on('error', () => undefined);
  return {
    socket,
    onPayload: (take) => takePayloads(socket, take),
    deliver: (payload) => {
      if (socket.readyState === WebSocket.OPEN) handler({ data: payload, type: 'message', target: socket });
    },
    send: (payload) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(payload);
      return true;
    },
  };
}

/**
 * Reads the frames off the connection's own socket, before `ws`, which gets only those that are not plain data: it stays in
 * charge of pings, the closing handshake and errors, and assembles fragments.
 */
function takePayloads(socket: WebSocket, take: TakePayload): void {
  let raw: Duplex | undefined;
  socket.once('upgrade', (response) => {
    raw = response.socket;
  });
  socket.once('open', () => {
    const [read, ...others] = raw?.listeners('data') ?? [];
    if (!raw || !read || others.length > 0)
      throw new TapError('this version of ws reads its socket in another way');
    const reader = new FrameReader({ onData: take, onOther: (frame) => read.call(raw, frame) });
    raw.off('data', read as (chunk: Buffer) => void);
    raw.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        // Not resumable from here; the session is, over another connection.
        socket.terminate();
      }
    });
  });
  // What `ws` has put together from fragments.
  socket.on('message', (message: Buffer, isBinary) => take(message, 0, message.length, isBinary));
}
