/** A TCP proxy on 127.0.0.1 that can be slow: what comes from the client is passed on so much later. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../src/runtime/clock.ts';
import { DelayLine } from './delay-line.ts';

export class DelayProxy {
  readonly #port: number;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #delayMs = 0;

  constructor(port: number, targetPort: number) {
    this.#port = port;
    this.#targetPort = targetPort;
  }

  /** What every request takes longer, from now on. Unit: ms. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  async listen(): Promise<void> {
    const server = createServer({ noDelay: true }, (client) => this.#connect(client));
    this.#server = server;
    await once(server.listen(this.#port, '127.0.0.1'), 'listening');
  }

  /** Connections break, and new ones are refused until `listen`: the target is gone. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server) await once(server.close(), 'close');
  }

  #connect(client: Socket): void {
    const target = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // `close` follows.
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    target.pipe(client);
    const line = new DelayLine<Buffer>(systemClock, (chunk) => target.write(chunk));
    client.on('data', (chunk) => line.push(chunk, this.#delayMs));
    target.on('close', () => line[Symbol.dispose]());
  }
}
