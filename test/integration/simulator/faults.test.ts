import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Peer, readyPeer, smallSimulator } from './peer.ts';

describe('faults of the simulator', () => {
  test('disconnect with a code, after all that was in flight', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    await simulator.burst(0, 60_000);
    simulator.inject({ kind: 'disconnect', shard: 0, code: 4009 });
    expect(await eventually(() => peer.closeCode, 20_000)).toBe(4009);
    expect(peer.texts.filter((text) => text.startsWith('{"t":"'))).toHaveLength(60_003);
  });

  test('disconnect without a close frame when terminating', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'disconnect', shard: 'all', terminate: true });
    expect(await peer.closed()).toBe(1006);
  });

  test('ask to reconnect with op 7', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'reconnect', shard: 0 });
    expect(await peer.next(7)).toEqual({ t: null, s: null, op: 7, d: null });
  });

  test.each([true, false])('invalidate a session, resumable %s', async (resumable) => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'invalid-session', shard: 0, resumable });
    expect((await peer.next(9)).d).toBe(resumable);
    peer.resume(peer.sessionId, peer.lastSequence);
    if (resumable) await peer.next('RESUMED');
    else expect((await peer.next(9, 2)).d).toBe(false);
  });

  test('silence a connection: nothing is acknowledged or sent, yet it counts and RESUME brings it', async () => {
    await using simulator = await smallSimulator();
    using zombie = await readyPeer(simulator);
    simulator.inject({ kind: 'silence', shard: 0 });
    zombie.send(1, 3);
    const missed = simulator.dispatch(0, 'MISSED', {});
    using second = await new Peer(simulator).opened();
    second.resume(zombie.sessionId, zombie.lastSequence);
    await second.next('RESUMED');
    expect(second.dispatches.map(({ s }) => s)).toEqual([missed, missed + 1]);
    expect(zombie.payloads.filter(({ op }) => op === 11)).toEqual([]);
    expect(zombie.lastSequence).toBe(3);
    await zombie.closed();
  });

  test('silence a connection for a while: then it gets what it missed', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'silence', shard: 0, ms: 50 });
    peer.send(1, 3);
    simulator.dispatch(0, 'MISSED', {});
    await peer.next('MISSED');
    await peer.next(11);
  });

  test('stop reading for a while, and go on sending', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'slow-reads', shard: 0, ms: 60 });
    peer.send(1, 3);
    simulator.dispatch(0, 'STILL_SENT', {});
    await peer.next('STILL_SENT');
    expect(peer.payloads.some(({ op }) => op === 11)).toBe(false);
    await peer.next(11);
  });

  test('send a heartbeat request', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'request-heartbeat', shard: 0 });
    await peer.next(1);
  });

  test.each([
    ['not-json', '{"t":"MESSAGE_CREATE","s":'],
    ['unknown-op', '{"t":null,"s":null,"op":99,"d":null}'],
  ] as const)('send %s', async (what, text) => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'malformed', shard: 0, what });
    await eventually(() => peer.texts.at(-1) === text);
  });

  test.each(['corrupt-compression', 'binary-garbage'] as const)('send %s as a binary frame', async (what) => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'malformed', shard: 0, what });
    await eventually(() => peer.rawMessages.at(-1)?.isBinary);
  });

  test('truncate a frame: the connection ends inside it and the session stays', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.inject({ kind: 'malformed', shard: 0, what: 'truncated-frame' });
    expect(await peer.closed()).toBe(1006);
    expect(simulator.stats().sessions[0]).toMatchObject({ connected: false });
  });

  test('refuse the token from now on', async () => {
    await using simulator = await smallSimulator();
    simulator.inject({ kind: 'refuse-token' });
    using peer = await new Peer(simulator).opened();
    peer.identify();
    expect(await peer.closed()).toBe(4004);
  });

  test('let a burst end in the replay buffer while nobody is connected', async () => {
    await using simulator = await smallSimulator({ guilds: 10 });
    using first = await readyPeer(simulator);
    first.socket.terminate();
    await eventually(() => simulator.stats().connections === 0);
    await simulator.burst(0, 700);
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, first.lastSequence);
    await second.next('RESUMED');
    expect(second.dispatches).toHaveLength(701);
  });
});
