import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Peer, readyPeer, smallSimulator } from './peer.ts';

describe('commands to the simulator', () => {
  test('for all members of a guild are answered in chunks with the nonce', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const guild_id = simulator.guildIds(0)[0];
    peer.send(8, { guild_id, query: '', limit: 0, nonce: 'n1' });
    const second = await peer.next('GUILD_MEMBERS_CHUNK', 2);
    expect(second.d).toMatchObject({ guild_id, chunk_index: 1, chunk_count: 2, nonce: 'n1', not_found: [] });
    expect(simulator.stats().violationCount).toBe(0);
  });

  test('for all members again inside the interval are answered with RATE_LIMITED', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const guild_id = simulator.guildIds(0)[0];
    peer.send(8, { guild_id, query: '', limit: 0 });
    peer.send(8, { guild_id, query: '', limit: 0, nonce: 'again' });
    const limited = await peer.next('RATE_LIMITED');
    expect(limited.d).toMatchObject({ opcode: 8, meta: { guild_id, nonce: 'again' } });
    expect(limited.d['retry_after']).toBeGreaterThan(29);
    expect(simulator.stats().violations).toEqual({ 'member-request-rate': 1 });
  });

  test('for members by id are answered as often as asked, and name who is not found', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const guild_id = simulator.guildIds(0)[0];
    for (let asked = 0; asked < 3; asked += 1) {
      peer.send(8, { guild_id, user_ids: ['100000000000000001', '999999999999999999'] });
    }
    const third = await peer.next('GUILD_MEMBERS_CHUNK', 3);
    expect(third.d).toMatchObject({ chunk_count: 1, not_found: ['999999999999999999'] });
    expect(simulator.stats().violationCount).toBe(0);
  });

  test('with a nonce over 32 bytes lose it', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    peer.send(8, { guild_id: simulator.guildIds(0)[0], query: 'a', limit: 1, nonce: 'é'.repeat(17) });
    expect((await peer.next('GUILD_MEMBERS_CHUNK')).d).not.toHaveProperty('nonce');
    expect(simulator.stats().violations).toEqual({ 'nonce-size': 1 });
  });

  test('for all members without the intent are not answered', async () => {
    await using simulator = await smallSimulator({ guilds: 1 });
    using peer = await new Peer(simulator).opened();
    peer.identify({ intents: 1 });
    await peer.next('READY');
    peer.send(8, { guild_id: simulator.guildIds(0)[0], query: '', limit: 0 });
    await eventually(() => simulator.stats().violations['member-request-intents'] === 1);
  });

  test('for the guild of another shard are violations', async () => {
    await using simulator = await smallSimulator({ shards: 2, guilds: 2 });
    using peer = await readyPeer(simulator, 0);
    peer.send(4, {
      guild_id: simulator.guildIds(1)[0],
      channel_id: null,
      self_mute: false,
      self_deaf: false,
    });
    await eventually(() => simulator.stats().violations['guild-of-another-shard'] === 1);
  });

  test('for voice, sounds and channels get the dispatches that Discord sends, and are kept for the test', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const guild_id = simulator.guildIds(0)[0]!;
    peer.send(4, { guild_id, channel_id: '123456789012345678', self_mute: false, self_deaf: true });
    peer.send(31, { guild_ids: [guild_id] });
    peer.send(43, { guild_id, fields: ['status'] });
    await peer.next('CHANNEL_INFO');
    expect(peer.dispatches.slice(3).map(({ t }) => t)).toEqual([
      'VOICE_STATE_UPDATE',
      'VOICE_SERVER_UPDATE',
      'SOUNDBOARD_SOUNDS',
      'CHANNEL_INFO',
    ]);
    expect(simulator.received.map(({ shard, op }) => [shard, op])).toEqual([
      [0, 4],
      [0, 31],
      [0, 43],
    ]);
    expect(simulator.received[1]?.d).toEqual({ guild_ids: [guild_id] });
  });

  test('for the voice channel in which the bot is already bring no new server, and for it again after leaving one', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    const [guild_id] = simulator.guildIds(0);
    const channel = '123456789012345678';
    for (const channel_id of [channel, channel, null, channel])
      peer.send(4, { guild_id, channel_id, self_mute: false, self_deaf: false });
    await peer.next('VOICE_SERVER_UPDATE', 2);
    const voice = peer.dispatches.filter(({ t }) => t?.startsWith('VOICE_'));
    expect(voice.map(({ t }) => t)).toEqual([
      'VOICE_STATE_UPDATE',
      'VOICE_SERVER_UPDATE',
      'VOICE_STATE_UPDATE',
      'VOICE_STATE_UPDATE',
      'VOICE_STATE_UPDATE',
      'VOICE_SERVER_UPDATE',
    ]);
  });

  test.each([
    [3, { status: 'busy' }],
    [4, { guild_id: 'x' }],
    [8, { guild_id: '123456789012345678' }],
    [31, { guild_ids: [] }],
    [43, null],
  ])('with op %i and a wrong payload are closed with 4002', async (op, d) => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    peer.send(op, d);
    expect(await peer.closed()).toBe(4002);
    expect(simulator.stats().violations).toEqual({ 'invalid-payload': 1 });
  });
});
