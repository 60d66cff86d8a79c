import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createConnection, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HeldBytes } from '../../../../src/rest/proxy/held-bytes.ts';
import { BodyStalledError, RequestBody, WorkerGoneError } from '../../../../src/rest/proxy/request-body.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const server = createServer();
let socket: Socket;
let clock: ManualClock;
let held: HeldBytes;
const garbage = { add: () => undefined };

beforeEach(async () => {
  clock = new ManualClock();
  held = new HeldBytes(100);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  socket.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function requestWith(headers: string, body = ''): Promise<IncomingMessage> {
  // The reason for the cast: it listens on TCP.
  socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`);
  const [request] = await once(server, 'request');
  request.on('error', () => {});
  return request;
}

function bodyOf(request: IncomingMessage): RequestBody {
  return new RequestBody(request, { maxSmallBytes: 50, stallTimeoutMs: 1_000, held, clock, garbage });
}

async function all(source: Buffer | Readable | null): Promise<string> {
  if (!(source instanceof Readable)) return source?.toString() ?? '';
  let text = '';
  for await (const chunk of source) text += String(chunk);
  return text;
}

describe('a small body', () => {
  it('is held, and can be had again and again', async () => {
    const body = bodyOf(await requestWith('Content-Length: 5\r\n', 'hello'));
    await body.hold();
    expect([await all(body.source()), await all(body.source()), held.bytes]).toEqual(['hello', 'hello', 5]);
    body[Symbol.dispose]();
    expect([held.bytes, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('that never comes is a stalled one', async () => {
    const body = bodyOf(await requestWith('Content-Length: 5\r\n', 'hel'));
    const held = body.hold();
    clock.advance(1_000);
    await expect(held).rejects.toThrow(BodyStalledError);
  });

  it('whose worker goes away is over', async () => {
    const body = bodyOf(await requestWith('Content-Length: 5\r\n', 'hel'));
    const held = body.hold();
    socket.destroy();
    await expect(held).rejects.toThrow(WorkerGoneError);
    expect(clock.pendingTimers).toBe(0);
  });

  it('stays in the socket where there is no room for it', async () => {
    held.take(98);
    const body = bodyOf(await requestWith('Content-Length: 5\r\n', 'hello'));
    await body.hold();
    expect([body.isWaiting, body.heldBytes]).toEqual([true, 0]);
    expect(await all(body.source())).toBe('hello');
    expect(body.isUntouched).toBe(false);
  });

  it('in chunks is held, when it turns out to be small', async () => {
    const body = bodyOf(
      await requestWith('Transfer-Encoding: chunked\r\n', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
    );
    await body.hold();
    expect([body.isWaiting, await all(body.source())]).toEqual([false, 'hello']);
  });
});

describe('a large body', () => {
  it('is not read before it is sent, and once', async () => {
    const body = bodyOf(await requestWith('Content-Length: 60\r\n', 'x'.repeat(60)));
    await body.hold();
    expect([body.isUntouched, body.heldBytes]).toEqual([true, 0]);
    expect(await all(body.source())).toBe('x'.repeat(60));
    expect([body.isUntouched, body.takeStreamedBytes(), clock.pendingTimers]).toEqual([false, 60, 0]);
    expect(() => body.source()).toThrow(/can not be sent again/);
  });

  it('in chunks goes with what was read of it first', async () => {
    const chunk = `1e\r\n${'y'.repeat(30)}\r\n`;
    const body = bodyOf(
      await requestWith('Transfer-Encoding: chunked\r\n', `${chunk}${chunk}${chunk}0\r\n\r\n`),
    );
    await body.hold();
    expect(await all(body.source())).toBe('y'.repeat(90));
  });

  it('that stops coming is a stalled one', async () => {
    const body = bodyOf(await requestWith('Content-Length: 60\r\n', 'x'.repeat(30)));
    const source = body.source();
    const read = all(source);
    read.catch(() => undefined);
    await eventually(() => body.takeStreamedBytes() > 0);
    clock.advance(1_000);
    await expect(read).rejects.toThrow(BodyStalledError);
  });

  it('whose worker goes away is over', async () => {
    const body = bodyOf(await requestWith('Content-Length: 60\r\n', 'x'.repeat(30)));
    const read = all(body.source());
    read.catch(() => undefined);
    await eventually(() => body.takeStreamedBytes() > 0);
    socket.destroy();
    await expect(read).rejects.toThrow(WorkerGoneError);
    expect(clock.pendingTimers).toBe(0);
  });
});
