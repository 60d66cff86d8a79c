/** A TCP proxy that can be cut off and slowed down, for tests of what happens when the other side can't be reached. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface TcpProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly address: { readonly host: string; readonly port: number };
  /** Connections through it now. */
  readonly connections: number;
  /** Added to each piece of data, in both directions. Unit: ms. */
  latencyMs: number;
  /** Drops all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Keeps all connections, and takes new ones, and lets nothing through: a firewall that drops packets. */
  blackHole(): void;
  /** Lets everything through again. Connections that were black-holed are dropped, or (`keepsDead`) stay as dead as they were. */
  mend(options?: { readonly keepsDead: boolean }): Promise<void>;
}

export async function startTcpProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<TcpProxy> {
  const proxy = new RunningProxy(target);
  await proxy.listen(0);
  return proxy;
}

class RunningProxy implements TcpProxy {
  readonly host = '127.0.0.1';
  port = 0;
  latencyMs = 0;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  /** Those that let nothing through any more. */
  readonly #dead = new WeakSet<Socket>();
  #server: Server | undefined;
  #isBlackHole = false;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  get address() {
    return { host: this.host, port: this.port };
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  async listen(port: number): Promise<void> {
    const server = createServer((socket) => this.#join(socket));
    server.listen(port, this.host);
    await once(server, 'listening');
    this.#server = server;
    this.port = (server.address() as { port: number }).port; // TCP: always an AddressInfo
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server && once(server.close(), 'close');
    this.#dropAll();
    await closed;
  }

  blackHole(): void {
    this.#isBlackHole = true;
    for (const socket of this.#sockets) this.#dead.add(socket);
  }

  async mend({ keepsDead } = { keepsDead: false }): Promise<void> {
    if (this.#isBlackHole && !keepsDead) this.#dropAll();
    this.#isBlackHole = false;
    if (!this.#server) await this.listen(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  #dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    this.#pipe(near, far);
    this.#pipe(far, near);
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    if (this.#isBlackHole) this.#dead.add(from);
    from.setNoDelay(true);
    let before = Promise.resolve();
    from.on('data', (bytes) => {
      if (this.#dead.has(from)) return;
      if (this.latencyMs === 0) return void to.write(bytes);
      const due = delay(this.latencyMs);
      before = before.then(() => due).then(() => void (to.destroyed || to.write(bytes)));
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
