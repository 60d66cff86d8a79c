/** A worker's connection, kept alive: one request at a time, and the time that its answer took. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { monotonicUs } from '../wire.ts';
import { MessageSplitter } from './splitter.ts';

/** Of a body, one write. */
const WRITE_BYTES = 64 * 1024;

export interface ClientListener {
  onAnswer(client: Client, latencyUs: number): void;
  onFailure(reason: string): void;
}

export class Client implements Disposable {
  readonly #socket: Socket;
  readonly #listener: ClientListener;
  #sentUs = 0;

  private constructor(socket: Socket, listener: ClientListener) {
    this.#socket = socket;
    this.#listener = listener;
    const splitter = new MessageSplitter({
      onHead: (head) => this.#onHead(head),
      onEnd: () => listener.onAnswer(this, monotonicUs() - this.#sentUs),
    });
    socket.on('data', (chunk) => splitter.push(chunk));
    socket.on('error', (error) => listener.onFailure(error.message));
    socket.on('end', () => listener.onFailure('a connection was closed'));
  }

  static async connect(port: number, listener: ClientListener): Promise<Client> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new Client(socket, listener);
  }

  /** `dueUs`: when it was to be sent, where it had to wait for this connection. */
  send(request: Buffer, dueUs = monotonicUs()): void {
    this.#sentUs = dueUs;
    this.#socket.write(request);
  }

  /** Sends so many bytes after the head, as fast as they are taken. */
  async upload(head: string, bytes: number): Promise<void> {
    this.#sentUs = monotonicUs();
    this.#socket.write(head);
    const piece = Buffer.alloc(WRITE_BYTES, 0x61);
    for (let left = bytes; left > 0; left -= WRITE_BYTES) {
      if (!this.#socket.write(left < WRITE_BYTES ? piece.subarray(0, left) : piece))
        await once(this.#socket, 'drain');
    }
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners('end');
    this.#socket.destroy();
  }

  #onHead(head: string): void {
    if (head.startsWith('HTTP/1.1 200 ')) return;
    this.#listener.onFailure(`an answer that is no 200:\n${head}`);
  }
}
