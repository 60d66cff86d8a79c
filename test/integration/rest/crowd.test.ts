/** 100,000 requests at once at one process, pipelined on 2,000 connections, so that file descriptors suffice anywhere. */
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

const CONNECTIONS = 2_000;
const REQUESTS_EACH = 50;
const ALL = CONNECTIONS * REQUESTS_EACH;
/** The bound of all that wait, less what is kept for those who wait for little. */
const MOST_FOR_CROWD = 90_000;
/** What the crowd asks for lies in so many buckets, below the bounds of each. */
const CHANNELS = 500;
const CROWD = 5;
const KIB = 1_024;

const token = (account: number): string => `worker-token-of-account-${account}`;
/** Not one of the crowd. */
const OTHER = token(CROWD);

let simulator: Simulator;
let node: RestProcess;

beforeAll(async () => {
  // The simulator lives in this process, which is busy: what was sent in time may be read late.
  simulator = await smallSimulator({ rest: { globalLimit: 10_000 } });
  const tokens = Array.from({ length: CROWD + 1 }, (_, n) => `account-${n}:${token(n)}`).join(',');
  node = await startRest({
    discord: simulator,
    env: {
      SHARDMUX_WORKERS_TOKENS: tokens,
      // Far more than all of them take at 50 a second: nobody is refused for it, however slowly a busy machine lets them go.
      SHARDMUX_REST_DEADLINE_MS: '24h',
      SHARDMUX_REST_MAX_DEADLINE_MS: '24h',
      NODE_OPTIONS: '--max-old-space-size=1200',
    },
  });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});

function requestsOf(connection: number): string {
  return Array.from({ length: REQUESTS_EACH }, (_, n) => {
    const channel = 100_000_000_000_000_000 + ((connection * REQUESTS_EACH + n) % CHANNELS) * 1_000;
    return (
      `GET /api/v10/channels/${channel}/messages?limit=50 HTTP/1.1\r\nHost: shardmux:7780\r\n` +
      `Authorization: Bot ${token(connection % CROWD)}\r\nUser-Agent: DiscordBot (https://example.com, 1.0)\r\n` +
      'Accept: */*\r\nAccept-Encoding: gzip\r\n\r\n'
    );
  }).join('');
}

/** Connects them all and sends all their requests. */
function gather(): Socket[] {
  return Array.from({ length: CONNECTIONS }, (_, connection) => {
    const socket = createConnection(node.restPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(requestsOf(connection));
    return socket;
  });
}

function ask(path: string, account: string, method = 'GET'): Promise<Response> {
  return fetch(`${node.restUrl}/api/v10${path}`, {
    method,
    headers: { authorization: `Bot ${account}`, 'x-shardmux-deadline-ms': '5000' },
  });
}

function residentBytes(): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8')) ?? [];
  return Number(kib) * KIB;
}

async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
  return (await node.metric(`shardmux_rest_${name}`, labels)) ?? 0;
}

/** All of these together, at one moment: looking takes the node's time, which it has little of. */
async function sumOf(names: readonly string[]): Promise<number> {
  const wanted = new RegExp(`^shardmux_rest_(?:${names.join('|')})(?:{[^}]*})? (\\S+)$`, 'gm');
  return [...(await node.metrics()).matchAll(wanted)].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** All that was sent has been looked at: it waits, or was sent on, or was refused. */
async function looked(before: number): Promise<void> {
  await eventually(async () => (await seen()) - before >= ALL, 60_000);
}

const seen = () => sumOf(['queued', 'admitted_total', 'refused_total']);

async function leave(sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await eventually(async () => (await sumOf(['queued', 'in_flight'])) === 0, 60_000);
}

it('of 100,000 requests at once 90,000 wait in little memory and the rest are told to come again; others are served, and nothing is left', async () => {
  expect((await ask('/users/@me', OTHER)).status).toBe(200);
  const before = residentBytes();
  const start = await seen();
  const sockets = gather();
  await looked(start);

  const queued = await metric('queued');
  expect(queued).toBeGreaterThan(MOST_FOR_CROWD - 2_000);
  expect(queued).toBeLessThanOrEqual(MOST_FOR_CROWD);
  const bytesEach = (residentBytes() - before) / queued;
  console.info(`${Math.round(bytesEach)} bytes for each of ${queued} requests that wait`);
  expect(bytesEach).toBeLessThan(12 * KIB);

  // Those beyond the bound were told so, in the form that libraries wait for.
  expect(await metric('refused_total', { reason: 'queue-full' })).toBeGreaterThan(
    ALL - MOST_FOR_CROWD - 2_000,
  );
  const refused = await ask('/channels/100000000000000000/messages', token(0));
  expect([refused.status, refused.headers.get('via'), await refused.json()]).toMatchObject([
    429,
    '1.1 shardmux',
    // As soon as the first of them has gone there is room, but no turn in time.
    {
      message: expect.stringMatching(
        /^shardmux: (?:too many requests wait|its turn would come after its deadline)$/,
      ),
      retry_after: expect.any(Number),
      global: false,
    },
  ]);

  // Another account does not stand behind half an hour of others, and what is exempt from the global limit does not wait at all.
  expect((await ask('/users/@me', OTHER)).status).toBe(200);
  const { id, token: secret } = simulator.rest.createInteraction(simulator.rest.channelIds(0)[0] ?? '');
  const answered = fetch(`${node.restUrl}/api/v10/interactions/${id}/${secret}/callback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-shardmux-deadline-ms': '5000' },
    body: '{"type":4,"data":{"content":"x"}}',
  });
  expect((await answered).status).toBe(204);

  await leave(sockets);
  expect(await metric('held_bytes')).toBe(0);
  expect(await metric('queued_bytes')).toBe(0);
  await eventually(async () => (await metric('connections')) < 20);
  expect((await ask('/users/@me', token(0))).status).toBe(200);
  expect(node.logs().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
}, 120_000);
