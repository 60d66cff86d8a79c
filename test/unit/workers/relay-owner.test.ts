/** What the owner of a shard makes of connections that other nodes pass on, and of those that only say so. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { NODE_HEADER, RELAY_HEADER, relayKey } from '../../../src/routing/index.ts';
import { signPeerRequest } from '../../../src/routing/relay/peer-header.ts';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { KEY, type TestNode, TestNodes } from './nodes.ts';
import { RawWorker } from './raw-worker.ts';
import { APPLICATION_ID } from './shards.ts';

const PATH = `/apps/${APPLICATION_ID}/shards/0`;

/** Half as many may be unidentified. */
const MAX_CONNECTIONS = 6;

let nodes: TestNodes;
let entry: TestNode;
let owner: TestNode;

beforeEach(async () => {
  nodes = new TestNodes();
  ({ entry, owner } = await nodes.startPair({ limits: { maxConnections: MAX_CONNECTIONS } }));
});

afterEach(() => nodes[Symbol.asyncDispose]());

async function identified(at: TestNode): Promise<Worker> {
  const worker = await at.gateway.connect();
  worker.identify();
  return worker;
}

/** The first line of the answer to an upgrade with these headers. */
async function answerTo(headers: Record<string, string>, path = PATH): Promise<string> {
  using worker = new RawWorker(owner.gateway.port);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  worker.upgrade(undefined, `${path}?v=10&encoding=json`, lines);
  await eventually(() => worker.head !== '');
  return worker.text;
}

const ours = (at = Date.now(), path = PATH) => signPeerRequest({ key: KEY, nodeId: 'entry' }, path, at);

test('a header that was signed just now for this path is taken', async () => {
  expect(await answerTo(ours())).toMatch(/^HTTP\/1\.1 101 /);
});

test.each<[string, () => Record<string, string>, string]>([
  [
    'of another secret',
    () => signPeerRequest({ key: relayKey('another secret'), nodeId: 'entry' }, PATH),
    'is not signed for this path with the cluster secret of this node',
  ],
  ['of another path', () => ours(Date.now(), '/shards/0'), 'is not signed for this path'],
  ['of another node', () => ({ ...ours(), [NODE_HEADER]: 'other' }), 'is not signed for this path'],
  ['without a node', () => ({ [RELAY_HEADER]: ours()[RELAY_HEADER] ?? '' }), 'is malformed'],
  ['that is none', () => ({ [RELAY_HEADER]: 'v1', [NODE_HEADER]: 'entry' }), 'is malformed'],
  ['that is empty', () => ({ [RELAY_HEADER]: '', [NODE_HEADER]: 'entry' }), 'is malformed'],
  ['of 31 s ago', () => ours(Date.now() - 31_000), 's behind the clock here; set the clocks of the nodes'],
  ['of the future', () => ours(Date.now() + 32_000), 's ahead of the clock here'],
])('a header %s is refused with 401, and says why', async (_what, headers, why) => {
  const text = await answerTo(headers());
  expect(text).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
  expect(text).toContain(why);
  expect(owner.gateway.server.connections.size).toBe(0);
});

test('a header that was used before is refused with 401', async () => {
  const headers = ours();
  expect(await answerTo(headers)).toMatch(/^HTTP\/1\.1 101 /);
  const text = await answerTo(headers);
  expect(text).toMatch(/^HTTP\/1\.1 401 /);
  expect(text).toContain('was used before');
});

test('a relayed connection is not relayed again, where each node takes the other for the owner', async () => {
  owner.holdNothing();
  owner.seeOwner(entry);
  const worker = await identified(entry);
  await eventually(() => entry.gateway.counts.relayFailures.get('not-owner') === 1);
  expect([owner.gateway.counts.closes.get(4900), entry.states]).toEqual([1, ['held']]);
  expect([owner.gateway.counts.relays, entry.gateway.counts.relayedSessions]).toEqual([0, 0]);
  expect(worker.closeCode).toBeUndefined();
});

test('a relayed connection whose shard has just been passed to this node waits for it', async () => {
  owner.holdNothing();
  owner.directory.expected.add(0);
  owner.seeOwner(entry);
  const worker = await identified(entry);
  await eventually(() => owner.states.includes('held'));
  owner.hold();
  await worker.next('READY');
  expect([entry.states, owner.states]).toEqual([['relaying'], ['live']]);
});

test('a relayed connection is passed back when the shard that was expected does not come', async () => {
  const third = await nodes.start('third');
  owner.holdNothing();
  owner.directory.expected.add(0);
  const worker = await identified(entry);
  await eventually(() => owner.states.includes('held'));
  owner.directory.expected.clear();
  owner.directory.changed();
  await eventually(() => entry.gateway.counts.relayFailures.get('not-owner') === 1);
  entry.seeOwner(third);
  await worker.next('READY');
});

test('a worker that connects to a node that expects its shard waits there, whoever had it', async () => {
  entry.directory.expected.add(0);
  const worker = await identified(entry);
  await eventually(() => entry.states.includes('held'));
  expect(owner.gateway.server.connections.size).toBe(0);
  entry.hold();
  await worker.next('READY');
});

test('strangers at the owner can not shut out a relayed worker that has yet to be answered', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified(entry);
  await eventually(() => owner.states.includes('held'));
  const strangers: Worker[] = [];
  for (let n = 0; n < MAX_CONNECTIONS; n++) strangers.push(await owner.gateway.connect());
  expect(await strangers[0]?.closed()).toBe(1013);
  owner.gateway.shard.begin();
  owner.directory.changed();
  await worker.next('READY');
});

test.each([
  [{ 'x-forwarded-proto': 'https' }, 'wss'],
  [{}, 'ws'],
])('with %j a relayed worker’s address begins with %s and has the host that it used', async (headers, scheme) => {
  const socket = new WebSocket(`${entry.gateway.url}/shards/0?v=10`, {
    headers: { ...headers, host: 'bots.example:8443' },
  });
  const texts: string[] = [];
  socket.on('message', (bytes: Buffer) => texts.push(bytes.toString()));
  await eventually(() => texts.length === 1);
  socket.send(JSON.stringify({ op: 2, d: { token: SIMULATOR_TOKEN, intents: 0 } }));
  await eventually(() => texts.length === 2);
  expect(JSON.parse(texts[1] ?? '').d.resume_gateway_url).toBe(`${scheme}://bots.example:8443/shards/0`);
  socket.terminate();
});
