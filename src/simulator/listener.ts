/** The one port: HTTP/1.1, or with a certificate TLS with HTTP/2 and HTTP/1.1, as the client asks for. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from './options.ts';

export interface ListenerOptions {
  host: string;
  port: number;
  tls: TlsOptions | null;
  onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export interface Listener extends AsyncDisposable {
  /** `host:port`, as in a URL. */
  readonly authority: string;
}

/** Resolves when it listens; rejects when the port is taken. */
export async function listen({ host, port, tls, onRequest, onUpgrade }: ListenerOptions): Promise<Listener> {
  // The reason for the cast: requests of HTTP/2 are given in the shape of HTTP/1.1's, and what differs is not used but in respond.ts.
  const server = tls
    ? (createSecureServer({ ...tls, allowHTTP1: true }) as unknown as Server)
    : createServer();
  const sockets = new Set<Socket>();
  server.on('request', onRequest);
  server.on('upgrade', onUpgrade);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  // The reason for the cast: a server that listens on a port has an address of this kind.
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    authority: `${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
