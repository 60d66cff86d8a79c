import { expect, test } from 'vitest';
import { NODE_HEADER, PeerHeaders, RELAY_HEADER, relayKey } from '../../../src/routing/index.ts';
import { PEER_HEADER_WINDOW_MS, signPeerRequest } from '../../../src/routing/relay/peer-header.ts';

const KEY = relayKey('the secret of a cluster of tests');
const PATH = '/shards/3';
const NOW_MS = 1_800_000_000_000;

/** A reader whose clock the test sets. */
function reader(key = KEY, maxNonces = 1_000) {
  let nowMs = NOW_MS;
  const headers = new PeerHeaders({ key, nowMs: () => nowMs, maxNonces });
  return {
    at(ms: number) {
      nowMs = ms;
      return this;
    },
    read: (given: Record<string, string>, path = PATH) => headers.read({ path, headers: given }),
  };
}

const sign = (nowMs = NOW_MS, nodeId = 'node-a') => signPeerRequest({ key: KEY, nodeId }, PATH, nowMs);

test('a key does not give the secret away, and is another for another secret', () => {
  expect(KEY).toHaveLength(32);
  expect(KEY.toString('latin1')).not.toContain('secret');
  expect(relayKey('another').equals(KEY)).toBe(false);
});

test('a header has version, time, nonce and MAC, and says who sends it', () => {
  const headers = sign();
  expect(headers[RELAY_HEADER]).toMatch(/^v1\.1800000000000\.[\w-]{22}\.[\w-]{43}$/);
  expect(reader().read(headers)).toEqual({ kind: 'valid', nodeId: 'node-a' });
});

test.each(['node a', 'nœud', 'a/b\n', '🦀'])('a node id may be "%s"', (nodeId) => {
  expect(reader().read(sign(NOW_MS, nodeId))).toEqual({ kind: 'valid', nodeId });
});

test('a request without the header is of no node', () => {
  expect(reader().read({})).toEqual({ kind: 'none' });
  expect(reader().read({ [NODE_HEADER]: 'node-a' })).toEqual({ kind: 'none' });
});

test('a header is good 30 s before and behind its time, and no longer', () => {
  for (const offMs of [-PEER_HEADER_WINDOW_MS, 0, PEER_HEADER_WINDOW_MS]) {
    expect(reader().read(sign(NOW_MS + offMs)).kind).toBe('valid');
  }
  for (const offMs of [-PEER_HEADER_WINDOW_MS - 1, PEER_HEADER_WINDOW_MS + 1]) {
    expect(reader().read(sign(NOW_MS + offMs)).kind).toBe('invalid');
  }
});

test('a header is good once, for as long as its time is', () => {
  const ahead = sign(NOW_MS + PEER_HEADER_WINDOW_MS);
  const receiver = reader();
  expect(receiver.read(ahead).kind).toBe('valid');
  const wrong = { kind: 'invalid', why: `the header ${RELAY_HEADER} was used before` };
  expect(receiver.read(ahead)).toEqual(wrong);
  // Others in between, so that what is remembered is looked through.
  for (let second = 1; second <= 60; second++) {
    receiver.at(NOW_MS + second * 1_000);
    expect(receiver.read(sign(NOW_MS + second * 1_000)).kind).toBe('valid');
    expect(receiver.read(ahead)).toEqual(wrong);
  }
  expect(receiver.at(NOW_MS + 2 * PEER_HEADER_WINDOW_MS + 1).read(ahead)).toMatchObject({ kind: 'invalid' });
});

test.each([0, 1, 2, 3])('a header whose part %i was changed is invalid', (index) => {
  const headers = sign();
  const parts = headers[RELAY_HEADER]?.split('.') ?? [];
  const part = parts[index] ?? '';
  const changed = parts.with(index, (part.startsWith('1') ? '2' : '1') + part.slice(1)).join('.');
  expect(reader().read({ ...headers, [RELAY_HEADER]: changed }).kind).toBe('invalid');
});

test('a header is good for its path only, and for its node', () => {
  expect(reader().read(sign(), '/shards/4').kind).toBe('invalid');
  expect(reader().read({ ...sign(), [NODE_HEADER]: 'node-b' }).kind).toBe('invalid');
  expect(reader(relayKey('another')).read(sign()).kind).toBe('invalid');
});

test('what strangers send uses up no nonce of a node', () => {
  const receiver = reader();
  const headers = sign();
  expect(receiver.read(headers, '/other').kind).toBe('invalid');
  expect(receiver.read(headers).kind).toBe('valid');
});

test('more headers in one window than are remembered are refused, until old ones are out of it', () => {
  const receiver = reader(KEY, 3);
  for (let n = 0; n < 3; n++) expect(receiver.read(sign()).kind).toBe('valid');
  expect(receiver.read(sign()).kind).toBe('invalid');
  const later = NOW_MS + 2 * PEER_HEADER_WINDOW_MS + 1;
  expect(receiver.at(later).read(sign(later)).kind).toBe('valid');
});
