/**
 * A worker's gateway connection, as cheap as it can be: a raw upgrade, IDENTIFY, heartbeats, and frames told apart by
 * their length and a few bytes. Only what isn't an event is parsed.
 */
import { connect, type Socket } from 'node:net';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { clientTextFrame, frameBytes, headerBytes, isEvent, monotonicUs } from '../wire.ts';
import { FrameSplitter } from './splitter.ts';

const RECEIVE_BUFFER_BYTES = 256 * 1024;
const INTENTS = (1 << 0) | (1 << 9);
const CLOSE_FRAME_OPCODE = 8;
const PING_FRAME_OPCODE = 9;
const END_OF_HEADERS = '\r\n\r\n';

export interface WorkerOptions {
  readonly url: string;
  readonly token: string;
  onConnected(): void;
  onEvent(bytes: Uint8Array, end: number, receivedUs: number): void;
  onFailure(reason: string): void;
}

interface Payload {
  readonly t: string | null;
  readonly op: number;
  readonly d: { readonly heartbeat_interval?: number } | null;
}

/** Answers everything but events. */
function answer(options: WorkerOptions, socket: Socket, payload: Payload): void {
  const send = (body: object) => socket.write(clientTextFrame(body));
  if (payload.op === Opcode.Hello) {
    setInterval(
      () => send({ op: Opcode.Heartbeat, d: null }),
      payload.d?.heartbeat_interval ?? 41_250,
    ).unref();
    const properties = { os: 'linux', browser: 'shardmux-bench', device: 'shardmux-bench' };
    const identify = { token: options.token, intents: INTENTS, shard: [0, 1], properties };
    send({ op: Opcode.Identify, d: identify });
  } else if (payload.op === Opcode.Heartbeat) {
    send({ op: Opcode.Heartbeat, d: null });
  } else if (payload.op === Opcode.Dispatch && payload.t === 'READY') {
    options.onConnected();
  } else if (payload.op === Opcode.InvalidSession || payload.op === Opcode.Reconnect) {
    options.onFailure(`the middle sent opcode ${payload.op} to its worker`);
  }
}

function takeFrame(
  options: WorkerOptions,
  socket: Socket,
  bytes: Buffer,
  at: { start: number; end: number },
): void {
  const opcode = (bytes[at.start] as number) & 0x0f;
  const payload = bytes.subarray(at.start + headerBytes(at.end - at.start), at.end);
  if (opcode === CLOSE_FRAME_OPCODE) {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    options.onFailure(`the middle closed its worker's connection: ${code} ${payload.subarray(2)}`);
  } else if (opcode === PING_FRAME_OPCODE) {
    socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
  } else {
    answer(options, socket, JSON.parse(payload.toString()) as Payload);
  }
}

export function connectWorker(options: WorkerOptions): void {
  const url = new URL(options.url);
  let upgraded = false;
  let head = '';
  const frames = new FrameSplitter(frameBytes, (bytes, start, end, receivedUs) => {
    if (isEvent(bytes, start, end)) options.onEvent(bytes, end, receivedUs);
    else takeFrame(options, socket, bytes, { start, end });
  });

  function readHead(chunk: Buffer): void {
    head += chunk.toString('latin1');
    const end = head.indexOf(END_OF_HEADERS);
    if (end < 0) return;
    if (!head.startsWith('HTTP/1.1 101 ')) {
      options.onFailure(`the middle refused the upgrade: ${head.slice(0, head.indexOf('\r\n'))}`);
      return;
    }
    upgraded = true;
    const rest = Buffer.from(head.slice(end + END_OF_HEADERS.length), 'latin1');
    frames.push(rest, rest.length, monotonicUs());
  }

  const buffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES);
  const socket = connect({
    host: url.hostname,
    port: Number(url.port),
    noDelay: true,
    onread: {
      buffer,
      callback: (count) => {
        if (upgraded) frames.push(buffer, count, monotonicUs());
        else readHead(buffer.subarray(0, count));
        return true;
      },
    },
  });
  socket.on('connect', () => {
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13';
    const host = `Host: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade`;
    socket.write(`GET ${url.pathname}?v=10&encoding=json HTTP/1.1\r\n${host}\r\n${key}${END_OF_HEADERS}`);
  });
  socket.on('error', (error) => options.onFailure(`the worker's connection failed: ${error.message}`));
  socket.on('close', () => options.onFailure("the worker's connection ended"));
}
