import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import {
  type Checks,
  createMetrics,
  StatusServerError,
  type StatusServerOptions,
  startStatusServer,
} from '../../../src/observability/index.ts';

const GOOD: Checks = { discord: { ok: true } };
const BAD: Checks = { discord: { ok: true }, shards: { ok: false, wrong: '3 of 16 shards are not ready' } };

function start(options: Partial<StatusServerOptions> = {}) {
  return startStatusServer({
    host: '127.0.0.1',
    port: 0,
    health: () => GOOD,
    readiness: () => GOOD,
    metrics: createMetrics(),
    ...options,
  });
}

it('answers 200 where every check passes', async () => {
  await using server = await start();
  for (const path of ['/healthz', '/readyz']) {
    const response = await fetch(server.url + path);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok', checks: GOOD }]);
  }
});

it('answers 503 and says which check fails, and why', async () => {
  await using server = await start({ readiness: () => BAD });
  const response = await fetch(`${server.url}/readyz?verbose`);
  expect([response.status, await response.json()]).toEqual([503, { status: 'failing', checks: BAD }]);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

it('shows the metrics', async () => {
  const metrics = createMetrics();
  metrics.gauge({ name: 'shardmux_test_lag_bytes', help: 'Lag.' }).set(5);
  await using server = await start({ metrics });
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toContain('shardmux_test_lag_bytes 5\n');
});

it('lists its paths to who asks for another', async () => {
  await using server = await start();
  const response = await fetch(`${server.url}/`);
  expect([response.status, await response.json()]).toEqual([
    404,
    { status: 'not found', paths: ['/healthz', '/readyz', '/metrics'] },
  ]);
});

it('shows the pages that it is given', async () => {
  await using server = await start({ pages: { '/limits': () => ({ queued: 3 }) } });
  const response = await fetch(`${server.url}/limits?x`);
  expect([response.status, await response.json()]).toEqual([200, { queued: 3 }]);
});

it('only lets itself be read', async () => {
  await using server = await start();
  const response = await fetch(`${server.url}/metrics`, { method: 'POST', body: 'x' });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

it('answers 500 and reports the error where a check throws', async () => {
  const broken = new Error('broken');
  const errors: unknown[] = [];
  const health = () => {
    throw broken;
  };
  await using server = await start({ health, onError: (error) => errors.push(error) });
  expect((await fetch(`${server.url}/healthz`)).status).toBe(500);
  expect(errors).toEqual([broken]);
});

it('says which setting to change where the port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  const error: unknown = await start({ port }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StatusServerError);
  expect(String(error)).toContain(
    `127.0.0.1 port ${port}: another process listens there. Change status.port (SHARDMUX_STATUS_PORT).`,
  );
  await new Promise((resolve) => other.close(resolve));
});

it('frees its port although a client keeps its connection open', async () => {
  const server = await start();
  await (await fetch(`${server.url}/healthz`)).text();
  await server[Symbol.asyncDispose]();
  await using again = await start({ port: server.port });
  expect(again.port).toBe(server.port);
});
