/** REST nodes behind HAProxy: one address for both; nodes that are stopped, killed and come back under load. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { lastingPorts } from '../../support/ports.ts';
import { RawClient } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

/** Wide enough that none of these requests waits, and none needs what several nodes know together. */
const WIDE = { limit: 10_000, windowMs: 1_000, kind: 'fixed' } as const;
const LATENCY_MS = 20;

let simulator: Simulator;

beforeAll(async () => {
  simulator = await smallSimulator({
    guilds: 40,
    rest: { globalLimit: 100_000, latencyMs: LATENCY_MS, buckets: { 'create-message': WIDE } },
  });
});

afterAll(async () => {
  await simulator[Symbol.asyncDispose]();
});

function startNode(port = 0, env: Record<string, string> = {}): Promise<RestProcess> {
  return startRest({
    discord: simulator,
    env: { SHARDMUX_REST_PORT: String(port), SHARDMUX_REST_GLOBAL_LIMIT: '10000', ...env },
  });
}

const addressOf = (node: RestProcess) => `127.0.0.1:${node.restPort}`;

interface Answered {
  /** When the request began. */
  readonly atMs: number;
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  readonly body: Record<string, unknown>;
}

interface Sending {
  readonly channel: string;
  readonly content?: string;
  readonly agent?: Agent | undefined;
  readonly headers?: Record<string, string>;
}

async function send({ restUrl }: Haproxy, sending: Sending): Promise<Answered> {
  const { channel, content = 'hello', agent, headers } = sending;
  const atMs = performance.now();
  const sent = request(`${restUrl}/api/v10/channels/${channel}/messages`, {
    method: 'POST',
    ...(agent ? { agent } : {}),
    headers: {
      authorization: `Bot ${simulator.options.token}`,
      'content-type': 'application/json',
      ...headers,
    },
  });
  sent.end(JSON.stringify({ content }));
  const [response] = await once(sent, 'response');
  const body = Buffer.concat(await response.toArray()).toString();
  return { atMs, status: response.statusCode, headers: response.headers, body: JSON.parse(body) };
}

/** Workers that send one message after the other to changing channels, each over a connection of its own that it keeps. */
class Workers {
  readonly answers: Answered[] = [];
  readonly errors: { readonly atMs: number; readonly error: unknown }[] = [];
  readonly #haproxy: Haproxy;
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(haproxy: Haproxy, count = 12) {
    this.#haproxy = haproxy;
    this.#loops = Array.from({ length: count }, (_, worker) => this.#loop(worker));
  }

  async more(count: number): Promise<void> {
    const wanted = this.answers.length + count;
    await eventually(() => this.answers.length >= wanted, 20_000);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async #loop(worker: number): Promise<void> {
    const channels = simulator.rest.channelIds(0);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = worker; !this.#isOver; turn += 7) {
      const channel = channels[turn % channels.length] ?? '';
      const atMs = performance.now();
      await send(this.#haproxy, { channel, agent }).then(
        (answer) => this.answers.push(answer),
        (error) => this.errors.push({ atMs, error }),
      );
    }
    agent.destroy();
  }
}

/** As HAProxy has it. */
async function stateOf(haproxy: Haproxy, server: string): Promise<string | undefined> {
  const [names = '', ...rows] = (await haproxy.command('show stat')).split('\n');
  const at = (name: string) => names.replace(/^# /, '').split(',').indexOf(name);
  const row = rows.map((line) => line.split(',')).find((fields) => fields[at('svname')] === server);
  return row?.[at('status')]?.split(' ')[0];
}

const statusesOf = (workers: Workers) => [...new Set(workers.answers.map(({ status }) => status))].sort();
const created = () => simulator.stats().rest.messages;

describe('two nodes', () => {
  it('of which one is stopped and comes back leave no request without its answer', async () => {
    const [port = 0] = await lastingPorts(1);
    await using stays = await startNode();
    await using first = await startNode(port);
    await using haproxy = await startHaproxy({
      restNodes: [addressOf(stays), addressOf(first)],
      environment: { HAPROXY_TOKEN_REQUESTS_PER_10S: '1000000', HAPROXY_SOURCE_REQUESTS_PER_10S: '1000000' },
    });
    const before = created();
    // So many that at any time some connections are idle: one that the node closes while a request is on its way loses it.
    const workers = new Workers(haproxy, 60);
    await workers.more(1_000);
    expect(await first.metric('shardmux_rest_admitted_total')).toBeGreaterThan(20);
    expect(await first.stop()).toBe(0);
    await workers.more(1_000);
    await using second = await startNode(port);
    await eventually(async () => ((await second.metric('shardmux_rest_admitted_total')) ?? 0) > 20);
    await workers.end();
    expect(workers.errors).toEqual([]);
    expect(statusesOf(workers)).toEqual([200]);
    expect(created() - before).toBe(workers.answers.length);
  });

  it('of which one is killed: only what it was at is lost, is said to be, and is not sent twice', async () => {
    await using stays = await startNode();
    await using dies = await startNode();
    await using haproxy = await startHaproxy({ restNodes: [addressOf(stays), addressOf(dies)] });
    const before = created();
    const workers = new Workers(haproxy);
    await workers.more(200);
    await dies.kill();
    // What is sent to it while the system takes it down, connection by connection, is lost as well.
    await eventually(async () => (await stateOf(haproxy, 'rest-b')) === 'DOWN');
    const missedAtMs = performance.now();
    await workers.more(300);
    await workers.end();
    const lost = workers.answers.filter(({ status }) => status === 502);
    expect(statusesOf(workers).filter((status) => status !== 502)).toEqual([200]);
    for (const { body, headers } of lost) {
      expect([body, headers['via']]).toEqual([
        { message: expect.stringContaining('may have been executed'), code: 0 },
        '1.1 shardmux',
      ]);
    }
    const answered = workers.answers.length - lost.length;
    expect(created() - before).toBeGreaterThanOrEqual(answered);
    expect(created() - before).toBeLessThanOrEqual(answered + lost.length + workers.errors.length);
    // A connection that a worker had used before may end without an answer, as at any server.
    for (const { atMs } of [...lost, ...workers.errors]) expect(atMs).toBeLessThan(missedAtMs);
  });
});

describe('a node that is alone', () => {
  it('may restart: requests wait for it', async () => {
    const [port = 0] = await lastingPorts(1);
    await using first = await startNode(port);
    await using haproxy = await startHaproxy({ restNodes: [addressOf(first)] });
    const workers = new Workers(haproxy, 4);
    await workers.more(40);
    await first.stop();
    await using _second = await startNode(port);
    await workers.more(40);
    await workers.end();
    expect([workers.errors, statusesOf(workers)]).toEqual([[], [200]]);
  });

  it('that does not come back is missed after 5 s, and libraries are told so', async () => {
    await using haproxy = await startHaproxy({ restNodes: ['127.0.0.1:1'] });
    const { status, headers, body } = await send(haproxy, { channel: '1' });
    expect([status, headers['retry-after'], headers['via'], body]).toEqual([
      503,
      '1',
      '1.1 shardmux',
      { message: 'shardmux: no REST node is up', retry_after: 1, code: 0 },
    ]);
  });
});

describe('through HAProxy', () => {
  let node: RestProcess;
  let haproxy: Haproxy;

  beforeAll(async () => {
    node = await startNode();
    haproxy = await startHaproxy({ restNodes: [addressOf(node)] });
  });

  afterAll(async () => {
    await haproxy[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  });

  it('a file of 25 MB arrives', async () => {
    const form = new FormData();
    const size = 25 * 1024 * 1024;
    form.set('payload_json', '{"content":"large"}');
    form.set('files[0]', new Blob([Buffer.alloc(size, 7)]), 'large.bin');
    const answer = await fetch(
      `${haproxy.restUrl}/api/v10/channels/${simulator.rest.channelIds(0)[0]}/messages`,
      {
        method: 'POST',
        headers: { authorization: `Bot ${simulator.options.token}` },
        body: form,
      },
    );
    expect([answer.status, await answer.json()]).toMatchObject([200, { attachments: [{ size }] }]);
  });

  it('a worker that goes away takes its request with it', async () => {
    simulator.inject({ kind: 'rest-latency', ms: 5_000, jitterMs: 0, skip: 0, count: 1 });
    const client = new RawClient(Number(new URL(haproxy.restUrl).port));
    client.write(
      `GET /api/v10/users/@me HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${simulator.options.token}\r\n\r\n`,
    );
    await eventually(() => simulator.stats().rest.inFlight === 1);
    client[Symbol.dispose]();
    await eventually(
      async () => (await node.metric('shardmux_rest_failed_total', { reason: 'worker-gone' })) === 1,
    );
  });

  it('the gateway is found at the same address, where a REST node is asked for it', async () => {
    const answer = await fetch(`${haproxy.restUrl}/api/v10/gateway/bot`, {
      headers: { authorization: `Bot ${simulator.options.token}` },
    });
    expect(await answer.json()).toMatchObject({ url: haproxy.workersUrl, shards: 1 });
  });

  it('nothing of HAProxy reaches Discord', () => {
    expect(simulator.stats().violations).toEqual({});
  });
});
