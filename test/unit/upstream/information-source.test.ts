import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DiscordApi, InformationSource } from '../../../src/upstream/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

let server: Server;
let clock: ManualClock;
let abort: AbortController;
let answers: { status: number; body: unknown; headers?: Record<string, string> }[];
let requests: (string | undefined)[];
let targets: string[];
const warnings: { reason: string; retryInMs: number }[] = [];
const refusals: string[] = [];

beforeEach(async () => {
  clock = new ManualClock(1_000_000);
  abort = new AbortController();
  answers = [];
  requests = [];
  targets = [];
  warnings.length = 0;
  refusals.length = 0;
  server = createServer((request, response) => {
    requests.push(request.headers.authorization);
    targets.push(`${request.headers.host}${request.url}`);
    const { status, body, headers } = answers.shift() ?? { status: 500, body: {} };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  abort.abort();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function source(api: DiscordApi = { apiUrl: `${url()}/api/v10` }): InformationSource {
  return new InformationSource({
    api,
    token: 'a-token',
    clock,
    random: () => 0,
    signal: abort.signal,
    log: {
      info: () => undefined,
      debug: () => undefined,
      warn: (fields) => warnings.push(fields as { reason: string; retryInMs: number }),
    },
    onUnauthorized: (reason) => refusals.push(reason),
  });
}

function answer(remaining: number, resetAfterMs = 60_000) {
  const limit = { total: 1_000, remaining, reset_after: resetAfterMs, max_concurrency: 2 };
  return { status: 200, body: { url: 'wss://gateway.example', shards: 4, session_start_limit: limit } };
}

it('asks once for all who want to know, as the bot', async () => {
  answers.push(answer(5));
  const asked = source();
  const [one, other, budget] = await Promise.all([asked.get(), asked.get(), asked.getBudget()]);
  expect(one).toEqual(other);
  expect(one).toMatchObject({ url: 'wss://gateway.example', shards: 4 });
  expect(budget).toEqual({ maxConcurrency: 2, remaining: 5, resetAfterMs: 60_000 });
  expect(requests).toEqual(['Bot a-token']);
});

it('asks where it is told to, by the name of Discord', async () => {
  answers.push(answer(5));
  const asked = source({ apiUrl: 'https://discord.invalid/api/v10', egressUrl: url() });
  expect(await asked.get()).toMatchObject({ shards: 4 });
  expect(targets).toEqual(['discord.invalid/api/v10/gateway/bot']);
});

it('asks again for the budget when the last answer is not of these seconds', async () => {
  answers.push(answer(10, 30_000), answer(1_000, 86_400_000));
  const asked = source();
  await asked.get();
  clock.advance(30_000);
  expect(await asked.getBudget()).toMatchObject({ remaining: 1_000, resetAfterMs: 86_400_000 });
});

it('asks again for the budget when it was reset since the last answer, and says how much of its time is over', async () => {
  answers.push(answer(10, 3_000), answer(1_000, 86_400_000));
  const asked = source();
  await asked.get();
  clock.advance(2_000);
  expect(await asked.getBudget()).toMatchObject({ remaining: 10, resetAfterMs: 1_000 });
  clock.advance(1_000);
  expect(await asked.getBudget()).toMatchObject({ remaining: 1_000, resetAfterMs: 86_400_000 });
});

it('asks again with growing pauses until it is answered', async () => {
  answers.push({ status: 500, body: {} }, { status: 200, body: { url: 'no url' } }, answer(1));
  const asked = source();
  const information = asked.get();
  await eventually(() => warnings.length === 1);
  expect(asked.problem).toMatch(/answered 500/);
  clock.advance(1_000);
  await eventually(() => warnings.length === 2);
  expect(asked.problem).toMatch(/no GET \/gateway\/bot answer/);
  clock.advance(2_000);
  expect((await information).shards).toBe(4);
  expect(asked.problem).toBeUndefined();
  expect(warnings.map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000]);
});

it('waits as long as Discord says', async () => {
  answers.push({ status: 429, body: {}, headers: { 'retry-after': '7' } }, answer(1));
  const information = source().get();
  await eventually(() => warnings.length === 1);
  expect(warnings[0]?.retryInMs).toBe(7_000);
  clock.advance(7_000);
  expect((await information).shards).toBe(4);
});

it('never asks again after a refusal of the token', async () => {
  answers.push({ status: 401, body: {} }, answer(1));
  void source().get();
  await eventually(() => refusals.length === 1);
  clock.advance(600_000);
  expect([requests.length, clock.pendingTimers]).toEqual([1, 0]);
});

it('asks no more once it is ended', async () => {
  void source().get();
  await eventually(() => warnings.length === 1);
  abort.abort();
  await eventually(() => clock.pendingTimers === 0);
  expect(requests).toHaveLength(1);
});
