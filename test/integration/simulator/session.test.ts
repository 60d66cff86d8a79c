import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Peer, readyPeer, smallSimulator } from './peer.ts';

describe('a session of the simulator', () => {
  test('starts with HELLO, with the key order and the nulls of Discord', async () => {
    await using simulator = await smallSimulator({ heartbeatIntervalMs: 12_345 });
    using peer = await new Peer(simulator).opened();
    expect(peer.texts[0]).toMatch(/^\{"t":null,"s":null,"op":10,"d":\{"heartbeat_interval":12345,/);
  });

  test('answers IDENTIFY with READY, sequence 1, all guilds unavailable', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const ready = await peer.next('READY');
    expect(peer.texts[1]).toMatch(/^\{"t":"READY","s":1,"op":0,"d":\{"v":10,/);
    expect(ready.d).toMatchObject({
      private_channels: [],
      shard: [0, 1],
      application: { id: '100000000000000000' },
      resume_gateway_url: `${simulator.gatewayUrl}/resume-0`,
    });
    expect(ready.d.guilds?.map(({ unavailable }) => unavailable)).toEqual([true, true]);
  });

  test('follows READY with an available GUILD_CREATE of 5 to 300 kB per guild that holds the bot', async () => {
    await using simulator = await smallSimulator({ guilds: 60 });
    using peer = await readyPeer(simulator);
    const created = peer.dispatches.filter(({ t }) => t === 'GUILD_CREATE');
    expect(created.map(({ d }) => d['id'])).toEqual(simulator.guildIds(0));
    const sizes = peer.texts.filter((text) => text.includes('"GUILD_CREATE"')).map((text) => text.length);
    expect(Math.min(...sizes)).toBeGreaterThan(5_000);
    expect(Math.max(...sizes)).toBeLessThan(310_000);
    expect(Math.max(...sizes)).toBeGreaterThan(4 * Math.min(...sizes));
    expect(created[0]?.d).toMatchObject({ unavailable: false });
    expect(JSON.stringify(created[0]?.d['members'])).toContain('100000000000000001');
  });

  test('puts each guild on the shard of its id', async () => {
    await using simulator = await smallSimulator({ shards: 3, guilds: 10 });
    const shardsOfIds = [0, 1, 2].map((shard) =>
      simulator.guildIds(shard).map((id) => Number((BigInt(id) >> 22n) % 3n)),
    );
    expect(shardsOfIds).toEqual([
      [0, 0, 0, 0],
      [1, 1, 1],
      [2, 2, 2],
    ]);
  });

  test('keeps the truth: sequence, type and checksum of every dispatch', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    simulator.dispatch(0, 'MESSAGE_CREATE', { content: 'grüße "t":"X"' });
    await simulator.burst(0, 500);
    await eventually(() => peer.dispatches.length === 504);
    const [truth] = simulator.truth(0).sessions;
    const received = peer.texts
      .map((text, index) => ({ text, payload: peer.payloads[index]! }))
      .filter(({ payload }) => payload.op === 0)
      .map(({ text, payload }) => ({ s: payload.s, t: payload.t, crc32: crc32(text) }));
    expect(truth?.dispatches.map(({ s, t, crc32: sum }) => ({ s, t, crc32: sum }))).toEqual(received);
  });

  test('generates events at the rate it was given', async () => {
    await using simulator = await smallSimulator({ shards: 2, eventsPerSecond: 0, maxConcurrency: 2 });
    using first = await readyPeer(simulator, 0);
    using second = await readyPeer(simulator, 1);
    const before = simulator.stats().dispatched;
    const startedAt = performance.now();
    simulator.setRate(1_000);
    await eventually(() => simulator.stats().dispatched - before >= 400);
    const seconds = (performance.now() - startedAt) / 1000;
    expect((simulator.stats().dispatched - before) / seconds).toBeLessThan(1_300);
    await eventually(() => first.dispatches.length > 100 && second.dispatches.length > 100);
  });

  test('generates the same events from the same seed', async () => {
    const checksums = async () => {
      await using simulator = await smallSimulator({ seed: 7 });
      using _ = await readyPeer(simulator);
      await simulator.burst(0, 200);
      return simulator
        .truth(0)
        .sessions[0]?.dispatches.slice(1)
        .map((entry) => entry.crc32);
    };
    expect(await checksums()).toEqual(await checksums());
  });

  test('sends only events that the intents ask for', async () => {
    await using simulator = await smallSimulator({ guilds: 0 });
    using peer = await new Peer(simulator).opened();
    peer.identify({ intents: 1 << 11 });
    await peer.next('READY');
    await simulator.burst(0, 200);
    await eventually(() => peer.dispatches.length === 201);
    const types = new Set(peer.dispatches.map(({ t }) => t));
    expect(
      [...types].filter(
        (t) => !/^(READY|TYPING_START|INTERACTION_CREATE|GUILD_CREATE|GUILD_DELETE)$/.test(`${t}`),
      ),
    ).toEqual([]);
  });

  test('delays READY when told to', async () => {
    await using simulator = await smallSimulator({ readyDelayMs: 80 });
    using peer = await new Peer(simulator).opened();
    const startedAt = performance.now();
    peer.identify();
    await peer.next('READY');
    expect(performance.now() - startedAt).toBeGreaterThan(75);
  });
});
