import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Peer, readyPeer, smallSimulator } from './peer.ts';

describe("the simulator's limits", () => {
  test('refuse a second IDENTIFY of a bucket inside the interval with op 9', async () => {
    await using simulator = await smallSimulator({ shards: 4, maxConcurrency: 2, identifyIntervalMs: 5_000 });
    using _ = await readyPeer(simulator, 0);
    using other = await readyPeer(simulator, 1);
    using late = await new Peer(simulator).opened();
    late.identify({ shard: [2, 4] });
    expect((await late.next(9)).d).toBe(false);
    expect(other.closeCode).toBeUndefined();
    expect(simulator.stats().violations).toEqual({ 'identify-rate': 1 });
    expect(simulator.stats().identifyTimes).toMatchObject({ 0: [expect.any(Number), expect.any(Number)] });
  });

  test('reset the token when the session start budget is used up', async () => {
    const identifyBudget = { total: 1, remaining: 1, resetAfterMs: 60_000 };
    await using simulator = await smallSimulator({ identifyIntervalMs: 0, identifyBudget });
    using first = await readyPeer(simulator);
    using second = await new Peer(simulator).opened();
    second.identify();
    expect([await second.closed(), await first.closed()]).toEqual([4004, 4004]);
    using third = await new Peer(simulator).opened();
    third.resume(first.sessionId, 1);
    expect(await third.closed()).toBe(4004);
    expect(simulator.stats().violations).toEqual({ 'identify-budget': 1 });
  });

  test('close with 4008 at the 121st send in the window', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const presence = { since: null, activities: [], status: 'online', afk: false };
    for (let sent = 1; sent < 120; sent += 1) peer.send(3, presence);
    await eventually(() => simulator.received.length === 119);
    expect(peer.closeCode).toBeUndefined();
    peer.send(3, presence);
    expect(await peer.closed()).toBe(4008);
    expect(simulator.stats().violations).toEqual({ 'send-rate': 1 });
  });

  test.each([4096, 4097, 2_000_000])('judge a payload of %i bytes', async (bytes) => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const text = JSON.stringify({ op: 1, d: null });
    peer.socket.send(text + ' '.repeat(bytes - text.length));
    if (bytes <= 4096) {
      await peer.next(11);
      expect(simulator.stats().violationCount).toBe(0);
    } else {
      expect(await peer.closed()).toBe(bytes === 4097 ? 4002 : 1009);
      expect(simulator.stats().violations).toEqual({ 'send-size': 1 });
    }
  });
});

describe('heartbeats at the simulator', () => {
  test('are acknowledged before IDENTIFY', async () => {
    await using simulator = await smallSimulator();
    using peer = await new Peer(simulator).opened();
    peer.send(1, null);
    await peer.next(11);
    expect(peer.texts[1]).toBe('{"t":null,"s":null,"op":11,"d":null}');
  });

  test('are required: a silent client is dropped and its session stays resumable', async () => {
    await using simulator = await smallSimulator({ heartbeatIntervalMs: 100 });
    using peer = await readyPeer(simulator);
    expect(await peer.closed()).toBe(4000);
    expect(simulator.stats().violations).toEqual({ 'heartbeat-missing': 1 });
    using second = await new Peer(simulator).opened();
    second.resume(peer.sessionId, peer.lastSequence);
    await second.next('RESUMED');
  });

  test('ahead of what was sent, or going back, are violations', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    peer.send(1, 3);
    peer.send(1, 4);
    peer.send(1, 2);
    await peer.next(11, 3);
    expect(simulator.stats().violations).toEqual({ 'heartbeat-sequence': 2 });
  });

  test('far too often are violations', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    for (let sent = 0; sent < 7; sent += 1) peer.send(1, 3);
    await peer.next(11, 7);
    expect(simulator.stats().violations).toEqual({ 'heartbeat-rate': 2 });
  });
});

describe('close codes of the simulator', () => {
  test.each([
    ['4001 for an unknown opcode', 4001, (peer: Peer) => peer.send(77, {})],
    ['4001 for an opcode of the server', 4001, (peer: Peer) => peer.send(0, {})],
    ['4002 for what is not JSON', 4002, (peer: Peer) => peer.socket.send('{"op":')],
    ['4002 for a payload without op', 4002, (peer: Peer) => peer.socket.send('{}')],
    ['4002 for a binary frame of garbage', 4002, (peer: Peer) => peer.socket.send(Buffer.from([1, 2, 3]))],
    ['4002 for a heartbeat that is no number', 4002, (peer: Peer) => peer.send(1, 'x')],
    [
      '4002 for an IDENTIFY without properties',
      4002,
      (peer: Peer) => peer.identify({ properties: undefined }),
    ],
    ['4003 for a command before IDENTIFY', 4003, (peer: Peer) => peer.send(3, {})],
    ['4004 for a wrong token', 4004, (peer: Peer) => peer.identify({ token: 'wrong' })],
    ['4010 for a shard that is not one', 4010, (peer: Peer) => peer.identify({ shard: [1, 1] })],
    ['4010 for another number of shards', 4010, (peer: Peer) => peer.identify({ shard: [0, 2] })],
    ['4013 for bits that are no intents', 4013, (peer: Peer) => peer.identify({ intents: 2 ** 40 })],
    ['4013 for missing intents', 4013, (peer: Peer) => peer.identify({ intents: undefined })],
    ['4014 for intents that are not allowed', 4014, (peer: Peer) => peer.identify({ intents: 1 << 15 })],
  ])('are %s', async (_, code, act) => {
    await using simulator = await smallSimulator({ allowedIntents: 0x7fff });
    using peer = await new Peer(simulator).opened();
    act(peer);
    expect(await peer.closed()).toBe(code);
  });

  test('are 4005 for IDENTIFY on an authenticated connection', async () => {
    await using simulator = await smallSimulator({ identifyIntervalMs: 0 });
    using peer = await readyPeer(simulator);
    peer.identify();
    expect(await peer.closed()).toBe(4005);
  });

  test.each([
    ['?v=9&encoding=json', 4012],
    ['', 4012],
    ['?v=10&encoding=etf', 4002],
    ['?v=10&compress=br', 4002],
  ])('for the query "%s" are %i', async (query, code) => {
    await using simulator = await smallSimulator();
    using peer = new Peer(simulator, query);
    expect(await peer.closed()).toBe(code);
  });

  test('leave a binary frame with JSON alone, as some libraries send it', async () => {
    await using simulator = await smallSimulator();
    using peer = await new Peer(simulator).opened();
    peer.socket.send(Buffer.from('{"op":1,"d":null}'));
    await peer.next(11);
  });
});
