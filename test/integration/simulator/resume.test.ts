import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Peer, readyPeer, smallSimulator } from './peer.ts';

describe('RESUME at the simulator', () => {
  test('replays what was missed in order, then RESUMED with the next sequence', async () => {
    await using simulator = await smallSimulator();
    using first = await readyPeer(simulator);
    first.socket.terminate();
    await eventually(() => simulator.stats().connections === 0);
    const missed = [simulator.dispatch(0, 'A', 1), simulator.dispatch(0, 'B', 2)];
    using second = await new Peer(simulator, undefined, '/resume-0').opened();
    second.resume(first.sessionId, first.lastSequence);
    const resumed = await second.next('RESUMED');
    expect(second.dispatches.map(({ s }) => s)).toEqual([...missed, missed[1]! + 1]);
    expect(resumed.d).toHaveProperty('_trace');
    expect(simulator.stats()).toMatchObject({ resumes: 1, identifies: 1, violationCount: 0, notes: {} });
  });

  test('is granted from the oldest kept dispatch and refused from one before it', async () => {
    await using simulator = await smallSimulator({ guilds: 0, replayBound: () => 10 });
    using first = await readyPeer(simulator);
    await simulator.burst(0, 20);
    first.socket.terminate();
    using granted = await new Peer(simulator).opened();
    granted.resume(first.sessionId, 21 - 10);
    await granted.next('RESUMED');
    expect(granted.dispatches).toHaveLength(11);
    using refused = await new Peer(simulator).opened();
    refused.resume(first.sessionId, 22 - 10 - 1);
    expect((await refused.next(9)).d).toBe(false);
  });

  test('is refused once the resume window is over', async () => {
    await using simulator = await smallSimulator({ resumeWindowMs: 30 });
    using first = await readyPeer(simulator);
    first.socket.terminate();
    await eventually(() => simulator.stats().sessions[0] === null);
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, 1);
    expect((await second.next(9)).d).toBe(false);
    expect(simulator.stats().resumesRefused).toBe(1);
  });

  test('is refused for an unknown session, after which IDENTIFY on the same socket works', async () => {
    await using simulator = await smallSimulator();
    using peer = await new Peer(simulator).opened();
    peer.resume('nonsense', 3);
    expect((await peer.next(9)).d).toBe(false);
    peer.identify();
    await peer.next('READY');
  });

  test('from a sequence of the future is closed with 4007 and ends the session', async () => {
    await using simulator = await smallSimulator();
    using first = await readyPeer(simulator);
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, 999);
    expect(await second.closed()).toBe(4007);
    expect(simulator.stats()).toMatchObject({ violations: { 'resume-sequence': 1 }, sessions: [null] });
  });

  test('takes the session from an older connection, which is closed resumably', async () => {
    await using simulator = await smallSimulator();
    using first = await readyPeer(simulator);
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, first.lastSequence);
    await second.next('RESUMED');
    expect(await first.closed()).toBe(4000);
    simulator.dispatch(0, 'AFTER', {});
    await second.next('AFTER');
  });

  test.each([
    1000, 1001,
  ])('is refused after the client closed with %i, which is a violation', async (code) => {
    await using simulator = await smallSimulator();
    using first = await readyPeer(simulator);
    first.socket.close(code);
    await first.closed();
    using second = await new Peer(simulator).opened();
    await eventually(() => simulator.stats().violations['session-ended-by-client'] === 1);
    second.resume(first.sessionId, 1);
    expect((await second.next(9)).d).toBe(false);
  });

  test('is granted after the client closed with another code', async () => {
    await using simulator = await smallSimulator();
    using first = await readyPeer(simulator);
    first.socket.close(4900);
    await first.closed();
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, first.lastSequence);
    await second.next('RESUMED');
    expect(simulator.stats().violationCount).toBe(0);
  });

  test('finds the remaining GUILD_CREATEs of a client that went away in between, made again the same', async () => {
    await using simulator = await smallSimulator({ guilds: 100 });
    using first = await readyPeer(simulator);
    first.socket.terminate();
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, 1);
    await second.next('RESUMED');
    const texts = (peer: Peer) => peer.texts.filter((text) => text.startsWith('{"t":"GUILD_CREATE"'));
    expect(texts(second)).toEqual(texts(first));
  });

  test('is refused when the session was told to be forgotten', async () => {
    await using simulator = await smallSimulator();
    using first = await readyPeer(simulator);
    simulator.inject({ kind: 'forget-session', shard: 0 });
    using second = await new Peer(simulator).opened();
    second.resume(first.sessionId, first.lastSequence);
    expect((await second.next(9)).d).toBe(false);
  });
});
