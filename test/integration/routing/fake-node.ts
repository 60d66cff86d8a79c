/** A node as HAProxy sees it: answers /healthz, says who it is, and echoes on WebSockets. Not a test itself. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocket, WebSocketServer } from 'ws';

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** What a fake node answers to every request but /healthz, and sends first on every WebSocket. */
export interface Answer extends SeenRequest {
  readonly node: string;
}

export interface FakeNode extends AsyncDisposable {
  readonly host: string;
  /** As a Teacher looks it up. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** Stops listening and cuts every connection, as the end of a process does. */
  kill(): Promise<void>;
}

/** `atPort`: where one that was killed had been. */
export async function startFakeNode(name: string, atPort = 0): Promise<FakeNode> {
  const server = createServer((request, response) => {
    response.end(request.url === '/healthz' ? 'ok' : JSON.stringify(answer(name, request)));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    socket.send(JSON.stringify(answer(name, request)));
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
    socket.on('error', () => socket.terminate());
  });
  server.listen(atPort, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // TCP: never a path

  const kill = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    for (const socket of sockets.clients) socket.terminate();
    await closed;
  };
  return { host: '127.0.0.1', hosts: ['127.0.0.1'], port, kill, [Symbol.asyncDispose]: kill };
}

/** A worker's connection, opened, with the node's first message read. */
export interface Worker extends AsyncDisposable {
  readonly socket: WebSocket;
  readonly answer: Answer;
}

/** Connects as a worker does. Rejects with `Unexpected server response: <status>` when it isn't let in. */
export async function connectWorker(url: string): Promise<Worker> {
  const socket = new WebSocket(url);
  const [message] = (await once(socket, 'message')) as [Buffer];
  return {
    socket,
    answer: JSON.parse(message.toString()) as Answer,
    [Symbol.asyncDispose]: async () => socket.terminate(),
  };
}

/** Which node a worker reaches at a URL. */
export async function nodeAt(url: string): Promise<string> {
  await using worker = await connectWorker(url);
  return worker.answer.node;
}

function answer(node: string, request: { url?: string | undefined; headers: IncomingHttpHeaders }): Answer {
  return { node, path: request.url ?? '', headers: request.headers };
}
