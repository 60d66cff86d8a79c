/** Bodies of requests: how they flow, what of them is in memory, and when a request is sent again. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient, ScriptedApi } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { stays } from '../../support/stays.ts';
import { smallSimulator } from '../simulator/peer.ts';

const MIB = 1024 * 1024;

function head(node: { token: string }, path: string, headers: string): string {
  return `POST /api/v10${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${node.token}\r\n${headers}\r\n`;
}

function form(file: Buffer): { body: Buffer; headers: string } {
  const body = Buffer.concat([
    Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="files[0]"; filename="f.bin"\r\nContent-Type: image/png\r\n\r\n',
    ),
    file,
    Buffer.from('\r\n--b--\r\n'),
  ]);
  return {
    body,
    headers: `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n`,
  };
}

async function upload(node: RestProcess, simulator: Simulator, file: Buffer, path: string): Promise<string> {
  const { body, headers } = form(file);
  using client = new RawClient(node.restPort);
  client.write(head(simulator.options, path, `${headers}Connection: close\r\n`));
  client.write(body);
  await client.closed(60_000);
  return client.received;
}

function messages(simulator: Simulator, at = 0): string {
  return `/channels/${simulator.rest.channelIds(0)[at]}/messages`;
}

/** The most memory that the process ever had. */
function peakBytes({ pid }: RestProcess): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

describe('a large upload', () => {
  it('of 25 MB arrives as it was sent, several at once in little memory', async () => {
    await using simulator = await smallSimulator({ guilds: 10 });
    await using node = await startRest({ discord: simulator });
    const file = randomBytes(25 * MIB);
    const before = peakBytes(node);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => upload(node, simulator, file, messages(simulator, at))),
    );
    expect(answers.map((answer) => answer.slice(9, 12))).toEqual(Array(10).fill('200'));
    const sha256 = createHash('sha256').update(file).digest('hex');
    expect(simulator.rest.received.map(({ body }) => body?.files[0]?.sha256)).toEqual(Array(10).fill(sha256));
    // All of them together have 250 MiB. What is in memory is mostly what was collected and not given back yet.
    expect(peakBytes(node) - before).toBeLessThan(100 * MIB);
    expect(await node.metric('shardmux_rest_body_bytes_total', { direction: 'out' })).toBeGreaterThan(
      250 * MIB,
    );
  });

  it('flows no faster than Discord reads', async () => {
    let isReading = false;
    await using api = await ScriptedApi.start(({ socket }) => {
      if (isReading) return;
      isReading = true;
      socket.pause();
    });
    await using node = await startRest({ discord: api });
    using client = new RawClient(node.restPort);
    const { body, headers } = form(Buffer.alloc(50 * MIB));
    client.write(head(api.options, '/channels/1/messages', headers));
    client.write(body);
    await eventually(() => isReading);
    const before = peakBytes(node);
    await stays(() => client.socket.writableLength > 0, 500);
    expect(peakBytes(node) - before).toBeLessThan(20 * MIB);
    expect(await node.metric('shardmux_rest_held_bytes')).toBe(0);
  });

  it('that the worker gives up is given up at Discord', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    const { body, headers } = form(Buffer.alloc(MIB));
    const client = new RawClient(node.restPort);
    client.write(head(simulator.options, messages(simulator), headers));
    client.write(body.subarray(0, 300_000));
    await eventually(() => simulator.stats().rest.inFlight === 1);
    client[Symbol.dispose]();
    await eventually(() => simulator.stats().rest.inFlight === 0 && simulator.stats().rest.aborted === 1);
    await eventually(
      async () => (await node.metric('shardmux_rest_failed_total', { reason: 'worker-gone' })) === 1,
    );
    expect(await node.metric('shardmux_rest_in_flight')).toBe(0);
    expect(simulator.stats().rest.messages).toBe(0);
  });

  it('that waits is neither read nor sent, and given up with its worker', async () => {
    await using simulator = await smallSimulator({
      rest: { buckets: { 'create-message': { limit: 1, windowMs: 60_000 } } },
    });
    await using node = await startRest({ discord: simulator });
    const path = messages(simulator);
    expect(await upload(node, simulator, Buffer.from('first'), path)).toContain('200 OK');
    const { body, headers } = form(Buffer.alloc(30 * MIB));
    const client = new RawClient(node.restPort);
    client.write(head(simulator.options, path, `${headers}X-Shardmux-Deadline-Ms: 600000\r\n`));
    await eventually(async () => (await node.metric('shardmux_rest_queued')) === 1);
    expect(simulator.stats().rest.requests).toBe(1);
    client[Symbol.dispose]();
    await eventually(async () => (await node.metric('shardmux_rest_queued')) === 0);
    expect(await node.metric('shardmux_rest_left_total')).toBe(1);
    expect(body.length).toBeGreaterThan(30 * MIB);
  });

  it('that Discord refuses early gets its answer', async () => {
    await using api = await ScriptedApi.start(({ socket, text }) => {
      if (!text.includes('\r\n\r\n') || socket.writableEnded) return;
      socket.end(
        'HTTP/1.1 413 Payload Too Large\r\nVia: 1.1 google\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{"code":40005}',
      );
    });
    await using node = await startRest({ discord: api });
    using client = new RawClient(node.restPort);
    const { body, headers } = form(Buffer.alloc(5 * MIB));
    client.write(head(api.options, '/channels/1/messages', headers));
    client.write(body);
    expect(await client.got('{"code":40005}')).toContain('HTTP/1.1 413 ');
  });

  it('in chunks goes on in chunks', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    const { body, headers } = form(randomBytes(500_000));
    using client = new RawClient(node.restPort);
    client.write(
      head(
        simulator.options,
        messages(simulator),
        `${headers.replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')}Connection: close\r\n`,
      ),
    );
    for (let at = 0; at < body.length; at += 10_000) {
      const piece = body.subarray(at, at + 10_000);
      client.write(`${piece.length.toString(16)}\r\n`);
      client.write(piece);
      client.write('\r\n');
    }
    client.write('0\r\n\r\n');
    await client.closed();
    expect(client.received).toContain('200 OK');
    expect(simulator.rest.received.at(-1)?.body).toMatchObject({
      bytes: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
    });
    expect(simulator.rest.received.at(-1)?.headers['transfer-encoding']).toBe('chunked');
  });
});

describe('after a 429', () => {
  const limited = {
    kind: 'rest-429',
    scope: 'user',
    retryAfterMs: 100,
    body: 'json',
    skip: 0,
    count: 1,
  } as const;

  it('a small request is sent again by itself, with its body', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    simulator.inject(limited);
    expect(await upload(node, simulator, Buffer.alloc(10_000, 'x'), messages(simulator))).toContain('200 OK');
    expect(simulator.rest.received.map(({ status, body }) => [status, body?.bytes])).toEqual([
      [429, undefined],
      [200, form(Buffer.alloc(10_000)).body.length],
    ]);
    expect(simulator.stats().violations).toEqual({});
  });

  it('of a large request, of which nothing is left here, the worker is told', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    simulator.inject(limited);
    const answer = await upload(node, simulator, Buffer.alloc(2 * MIB), messages(simulator));
    expect(answer).toMatch(/^HTTP\/1\.1 429 /);
    expect(answer).toContain('"retry_after":0.1');
    expect(answer.toLowerCase()).toContain('via: 1.1 google');
  });
});

it('beyond rest.maxHeldBytes small bodies wait in their sockets, and are sent all the same', async () => {
  await using simulator = await smallSimulator({ guilds: 40 });
  await using node = await startRest({
    discord: simulator,
    env: { SHARDMUX_REST_MAX_HELD_BYTES: '1MiB', SHARDMUX_REST_MAX_SMALL_BODY_BYTES: '1MiB' },
  });
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, at) =>
      upload(node, simulator, Buffer.alloc(300_000, at), messages(simulator, at)),
    ),
  );
  expect(answers.filter((answer) => !answer.startsWith('HTTP/1.1 200'))).toEqual([]);
  expect(await node.metric('shardmux_rest_held_bytes')).toBe(0);
});
