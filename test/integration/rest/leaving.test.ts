/** Workers that go away while they wait: what is noticed at once, and what at their turn. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { stays } from '../../support/stays.ts';
import { smallSimulator } from '../simulator/peer.ts';

const MIB = 1024 * 1024;
/** The simulator lets one message pass in this time. */
const WINDOW_MS = 2_000;

describe('a large upload that waits, most of it in the sockets', () => {
  let simulator: Simulator;
  let node: RestProcess;
  let messages: string;

  beforeAll(async () => {
    simulator = await smallSimulator({
      rest: { buckets: { 'create-message': { limit: 1, windowMs: WINDOW_MS } } },
    });
    node = await startRest({ discord: simulator });
    messages = `/api/v10/channels/${simulator.rest.channelIds(0)[0]}/messages`;
  });

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await simulator[Symbol.asyncDispose]();
  });

  function send(): Promise<Response> {
    return fetch(`${node.restUrl}${messages}`, {
      method: 'POST',
      headers: { authorization: `Bot ${simulator.options.token}`, 'content-type': 'application/json' },
      body: '{"content":"hello"}',
    });
  }

  it('whose worker goes away keeps its place until its turn, and no longer; it is never executed', async () => {
    expect((await send()).status).toBe(200);
    const client = new RawClient(node.restPort);
    client.write(
      `POST ${messages} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${simulator.options.token}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${8 * MIB}\r\n\r\n`,
    );
    client.write(Buffer.alloc(4 * MIB));
    await eventually(async () => (await node.metric('shardmux_rest_queued')) === 1);
    // Beyond what Node has read of it nothing tells of the end, which lies behind the rest.
    await stays(() => !client.isClosed, 200);
    client[Symbol.dispose]();
    const next = send();
    expect((await next).status).toBe(200);
    await eventually(async () => (await node.metric('shardmux_rest_in_flight')) === 0);
    expect(await node.metric('shardmux_rest_failed_total', { reason: 'worker-gone' })).toBe(1);
    expect(await node.metric('shardmux_rest_held_bytes')).toBe(0);
    expect(simulator.stats().rest.messages).toBe(2);
    expect(simulator.stats().violations).toEqual({});
  });
});
