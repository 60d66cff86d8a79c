/** HTTP as bytes on a socket: requests that no client would send, and answers as they are on the wire. */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

export interface RawAnswer {
  readonly status: number;
  /** As they stand there, in their order. */
  readonly lines: readonly string[];
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
}

/** Sends this and resolves with all that comes until the other side closes. */
export async function sendRaw(port: number, request: string | Buffer): Promise<Buffer> {
  const socket = createConnection(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(request);
  // Not `once` of node:events, which takes a reset for a failure.
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}

/** The first answer in these bytes; what follows the head is its body. */
export function parseAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const body = bytes.subarray(end + 4);
  return { status: Number(first.split(' ')[1]), lines, body, json: parsed(body) };
}

export async function askRaw(port: number, request: string | Buffer): Promise<RawAnswer> {
  return parseAnswer(await sendRaw(port, request));
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A socket that a test writes to and reads from piece by piece. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  #received = '';
  isClosed = false;

  constructor(port: number) {
    this.socket = createConnection(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text) => {
      this.#received += text;
    });
    this.socket.on('error', () => {});
    this.socket.once('close', () => {
      this.isClosed = true;
    });
  }

  get received(): string {
    return this.#received;
  }

  write(data: string | Buffer): void {
    this.socket.write(data);
  }

  /** Resolves with all so far once it has this in it. */
  async got(text: string, deadlineMs?: number): Promise<string> {
    await eventually(() => this.#received.includes(text), deadlineMs);
    return this.#received;
  }

  async closed(deadlineMs?: number): Promise<void> {
    await eventually(() => this.isClosed, deadlineMs);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A stand-in for Discord's API that answers what it is told, byte for byte, and keeps what it got. */
export class ScriptedApi implements AsyncDisposable {
  readonly options = { token: 'MTAwMDAwMDAwMDAwMDAwMDAw.scripted.token' };
  /** All bytes of each connection. */
  readonly connections: { socket: Socket; text: string; isClosed: boolean }[] = [];
  readonly #server = createServer((socket) => this.#onConnection(socket));
  #script: (request: { socket: Socket; text: string }) => void;

  private constructor(script: (request: { socket: Socket; text: string }) => void) {
    this.#script = script;
  }

  /** `script` is called for each piece that arrives, with all of the connection so far. */
  static async start(script: (request: { socket: Socket; text: string }) => void): Promise<ScriptedApi> {
    const api = new ScriptedApi(script);
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** Of all connections, one after the other. */
  get text(): string {
    return this.connections.map(({ text }) => text).join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { socket } of this.connections) socket.destroy();
    await closed;
  }

  #onConnection(socket: Socket): void {
    const connection = { socket, text: '', isClosed: false };
    this.connections.push(connection);
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.once('close', () => {
      connection.isClosed = true;
    });
    socket.on('data', (text) => {
      connection.text += text;
      this.#script(connection);
    });
  }
}
