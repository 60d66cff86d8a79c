import { afterEach, beforeEach, expect, test } from 'vitest';
import { askHeldShards, relayKey } from '../../../src/routing/index.ts';
import { signPeerRequest } from '../../../src/routing/relay/peer-header.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { KEY, TestNode } from './nodes.ts';
import { APPLICATION_ID, startTestGateway } from './shards.ts';

let node: TestNode;

beforeEach(async () => {
  const held = new Map([
    [0, 3],
    [12, 1],
  ]);
  node = await TestNode.start('asked', { held: new Map([[APPLICATION_ID, held]]) });
});

afterEach(() => node[Symbol.asyncDispose]());

const clock = new ManualClock();

function question(change: { key?: Buffer; address?: string; applicationId?: string } = {}) {
  return {
    key: KEY,
    nodeId: 'asking',
    address: node.address,
    applicationId: APPLICATION_ID,
    timeoutMs: 1_000,
    clock,
    ...change,
  };
}

async function status(path: string, headers: Record<string, string> = {}, url = node.gateway.httpUrl) {
  return (await fetch(url + path, { headers })).status;
}

const PATH = `/cluster/applications/${APPLICATION_ID}/shards`;

test('a node that asks with the secret hears which shards are held, and in which epoch', async () => {
  expect([...(await askHeldShards(question()))]).toEqual([
    [0, 3],
    [12, 1],
  ]);
  expect(clock.pendingTimers).toBe(0);
});

test('the answer names the node', async () => {
  const headers = signPeerRequest({ key: KEY, nodeId: 'asking' }, PATH);
  const response = await fetch(node.gateway.httpUrl + PATH, { headers });
  expect(await response.json()).toEqual({ nodeId: 'asked', shards: { 0: 3, 12: 1 } });
});

test('without the header, with that of another secret, and a second time it is 401', async () => {
  const once = signPeerRequest({ key: KEY, nodeId: 'asking' }, PATH);
  expect(await status(PATH)).toBe(401);
  expect(await status(PATH, once)).toBe(200);
  expect(await status(PATH, once)).toBe(401);
  const forged = signPeerRequest({ key: relayKey('another'), nodeId: 'asking' }, PATH);
  expect(await status(PATH, forged)).toBe(401);
  const ofOtherPath = signPeerRequest({ key: KEY, nodeId: 'asking' }, '/cluster/applications/1/shards');
  expect(await status(PATH, ofOtherPath)).toBe(401);
});

test('at a node without a cluster secret, and of an application that is not served, it is 404', async () => {
  await using alone = await startTestGateway();
  const headers = signPeerRequest({ key: KEY, nodeId: 'asking' }, PATH);
  expect(await status(PATH, headers, alone.httpUrl)).toBe(404);
  const other = '/cluster/applications/999/shards';
  expect(await status(other, signPeerRequest({ key: KEY, nodeId: 'asking' }, other))).toBe(404);
});

test.each([
  ['a wrong secret', { key: relayKey('another') }, /answered with HTTP 401$/],
  ['an application that is not served', { applicationId: '999' }, /answered with HTTP 404$/],
  ['an address where nobody listens', { address: '127.0.0.1:1' }, /ECONNREFUSED/],
  ['what is no address', { address: 'no address' }, /Invalid URL/],
])('asking with %s throws, and says why', async (_what, change, why) => {
  await expect(askHeldShards(question(change))).rejects.toThrow(why);
});
