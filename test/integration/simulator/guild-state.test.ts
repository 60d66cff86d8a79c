import { describe, expect, test } from 'vitest';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import type { GuildBody } from '../../../src/simulator/index.ts';
import { GUILD_CHANGES, happenings } from '../../../src/simulator/state/shard-state.ts';
import { eventually } from '../../support/eventually.ts';
import { type Payload, Peer, readyPeer, smallSimulator } from './peer.ts';
import { caughtUp, peerWith, stateful } from './stateful-peer.ts';

type Body = Record<string, unknown>;

function isOf(t: string, d: Body, guildId: string): boolean {
  return (t.startsWith('GUILD_') && d['id'] === guildId) || d['guild_id'] === guildId;
}

/** A client's cache of three kinds, written again here so that the simulator's own bookkeeping is not its own judge. */
function replay(created: GuildBody, events: Payload[]): Body {
  const roles = new Map((created['roles'] as Body[]).map((role) => [role['id'], role]));
  const channels = new Map((created['channels'] as Body[]).map((channel) => [channel['id'], channel]));
  const voice = new Map((created['voice_states'] as Body[]).map((state) => [state['user_id'], state]));
  let members = Number(created['member_count']);
  for (const { t, d } of events) {
    const { guild_id: _, member: __, ...rest } = d as Body;
    if (t === 'GUILD_ROLE_CREATE' || t === 'GUILD_ROLE_UPDATE') {
      const role = d['role'] as Body;
      roles.set(role['id'], role);
    }
    if (t === 'GUILD_ROLE_DELETE') roles.delete(d['role_id']);
    if (t === 'CHANNEL_CREATE' || t === 'CHANNEL_UPDATE') channels.set(d['id'], rest);
    if (t === 'CHANNEL_DELETE') channels.delete(d['id']);
    if (t === 'CHANNEL_PINS_UPDATE' && channels.has(d['channel_id'])) {
      const pinned = { last_pin_timestamp: d['last_pin_timestamp'] };
      channels.set(d['channel_id'], { ...channels.get(d['channel_id']), ...pinned });
    }
    if (t === 'VOICE_CHANNEL_STATUS_UPDATE') {
      channels.set(d['id'], { ...channels.get(d['id']), status: d['status'] });
    }
    if (t === 'VOICE_STATE_UPDATE') {
      if (d['channel_id'] === null) voice.delete(d['user_id']);
      else voice.set(d['user_id'], rest);
    }
    if (t === 'GUILD_MEMBER_ADD') members += 1;
    if (t === 'GUILD_MEMBER_REMOVE') members -= 1;
  }
  return {
    roles: [...roles.values()],
    channels: [...channels.values()],
    voice_states: [...voice.values()],
    member_count: members,
  };
}

describe('the true state of a guild', () => {
  test.each([0, 500])('is what GUILD_CREATE says in a new session after %i events', async (count) => {
    await using simulator = await stateful();
    using _first = await peerWith(simulator, ALL_INTENTS);
    await simulator.burst(0, count);
    using peer = await peerWith(simulator, ALL_INTENTS);
    const bodies = peer.dispatches.filter(({ t }) => t === 'GUILD_CREATE').map(({ d }) => d);
    expect(bodies.map(({ id }) => id)).toEqual(simulator.guildIds(0).slice(0, 2));
    for (const body of bodies) expect(simulator.guild(String(body['id']))).toEqual(body);
  });

  test.each([1, 2, 3])('is the first GUILD_CREATE and all events since (seed %i)', async (seed) => {
    await using simulator = await stateful({ seed, guilds: 3 });
    using peer = await peerWith(simulator, ALL_INTENTS);
    await simulator.burst(0, 4_000);
    const events = await caughtUp(simulator, peer);
    for (const [id, truth] of Object.entries(simulator.shardState(0).guilds)) {
      const about = events.filter(({ t, d }) => isOf(t!, d, id));
      const isStart = ({ t, d }: Payload) =>
        t === 'GUILD_CREATE' || (t === 'GUILD_DELETE' && d['unavailable']);
      const start = about.findLastIndex(isStart);
      if (about[start]?.t === 'GUILD_DELETE') expect(truth).toEqual({ id, unavailable: true });
      else expect(truth).toMatchObject(replay(about[start]!.d, about.slice(start + 1)));
    }
  });

  test('is told with the sequence of the last dispatch, in one go', async () => {
    await using simulator = await stateful();
    using peer = await peerWith(simulator, ALL_INTENTS);
    await simulator.burst(0, 50);
    const state = simulator.shardState(0);
    expect(state.sessionId).toBe(simulator.stats().sessions[0]?.sessionId);
    expect(state.sequence).toBe(simulator.stats().sessions[0]?.sequence);
    const events = await caughtUp(simulator, peer);
    expect(Object.keys(state.guilds).sort()).toEqual(
      [...new Set(events.filter(({ t }) => t === 'GUILD_CREATE').map(({ d }) => String(d['id'])))].sort(),
    );
  });

  test('is the same for the same seed', async () => {
    const tell = async (seed: number) => {
      await using simulator = await stateful({ seed });
      using peer = await peerWith(simulator, ALL_INTENTS);
      await simulator.burst(0, 300);
      const { dispatches } = simulator.truth(0).sessions[0]!;
      return [peer.closeCode, ...dispatches.slice(1).map(({ crc32 }) => crc32)];
    };
    expect(await tell(5)).toEqual(await tell(5));
    expect(await tell(5)).not.toEqual(await tell(6));
  });

  test('does not change in the hands of who asked for it', async () => {
    await using simulator = await stateful();
    using _peer = await peerWith(simulator, ALL_INTENTS);
    const before = simulator.shardState(0);
    const copy = structuredClone(before);
    await simulator.burst(0, 200);
    expect(before).toEqual(copy);
  });

  test('follows dispatches that a test makes up', async () => {
    await using simulator = await stateful();
    using _peer = await peerWith(simulator, ALL_INTENTS);
    const [id, other] = simulator.guildIds(0) as [string, string];
    simulator.dispatch(0, 'GUILD_ROLE_CREATE', { guild_id: id, role: { id: '77', name: 'given' } });
    expect(simulator.guild(id)?.['roles']).toContainEqual({ id: '77', name: 'given' });
    simulator.dispatch(0, 'GUILD_DELETE', { id, unavailable: true });
    expect(simulator.guild(id)).toEqual({ id, unavailable: true });
    simulator.dispatch(0, 'GUILD_DELETE', { id: other });
    expect(simulator.guild(other)).toBeUndefined();
    simulator.dispatch(0, 'GUILD_CREATE', {
      id,
      name: 'back',
      members: [{ user: { id: '5' } }],
      member_count: 1,
    });
    expect(simulator.guild(id)).toMatchObject({ id, name: 'back', unavailable: false, member_count: 1 });
  });

  test('is not there without the option', async () => {
    await using simulator = await smallSimulator();
    expect(() => simulator.guild(simulator.guildIds(0)[0]!)).toThrow('guildState');
    expect(() => simulator.shardState(0)).toThrow('guildState');
  });
});

/** What has to happen first, because a guild begins with as much as it may have. */
const NEEDED: Readonly<Record<string, string>> = {
  GUILD_MEMBER_ADD: 'GUILD_MEMBER_REMOVE',
  STAGE_INSTANCE_CREATE: 'STAGE_INSTANCE_DELETE',
};

describe('what can happen in a guild', () => {
  test.each([...new Set(happenings.map(({ t }) => t))])('%s can be asked for by name', async (name) => {
    await using simulator = await stateful({ guilds: 1 });
    using peer = await peerWith(simulator, ALL_INTENTS);
    const needed = NEEDED[name];
    if (needed) simulator.happen(0, needed);
    const sequence = simulator.happen(0, name);
    await eventually(() => peer.lastSequence === sequence);
    expect(peer.dispatches.map(({ t }) => t)).toContain(name);
    expect(simulator.guild(simulator.guildIds(0)[0]!)?.['unavailable']).toBe(false);
  });

  test('all of it does, sooner or later', async () => {
    await using simulator = await stateful({ guilds: 5 });
    using peer = await peerWith(simulator, ALL_INTENTS);
    await simulator.burst(0, 12_000);
    const types = new Set((await caughtUp(simulator, peer)).map(({ t }) => t));
    const missing = happenings.filter(({ t }) => !types.has(t)).map(({ t }) => t);
    expect(missing).toEqual([]);
    expect(types.has('GUILD_DELETE')).toBe(true);
  });

  test('a guild that goes out is told of as unavailable, and comes back whole', async () => {
    await using simulator = await stateful();
    using peer = await peerWith(simulator, ALL_INTENTS);
    const [id] = simulator.guildIds(0) as [string];
    simulator.happen(0, 'outage', id);
    expect(simulator.guild(id)).toEqual({ id, unavailable: true });
    expect((await peer.next('GUILD_DELETE')).d).toEqual({ id, unavailable: true });
    simulator.happen(0, 'outage-end', id);
    expect((await peer.next('GUILD_CREATE', 3)).d).toEqual(simulator.guild(id));
  });

  test('a guild that is out when a session begins is told of as GUILD_DELETE', async () => {
    await using simulator = await stateful({ guilds: 1 });
    const [id] = simulator.guildIds(0) as [string];
    using first = await peerWith(simulator, ALL_INTENTS);
    simulator.happen(0, 'outage', id);
    await first.next('GUILD_DELETE');
    using second = await new Peer(simulator).opened();
    second.identify();
    expect((await second.next('GUILD_DELETE')).d).toEqual({ id, unavailable: true });
    expect(second.dispatches.map(({ t }) => t)).toEqual(['READY', 'GUILD_DELETE']);
  });

  test('a guild that is joined comes without `unavailable`, and one that is left is gone', async () => {
    await using simulator = await stateful();
    using peer = await peerWith(simulator, ALL_INTENTS);
    simulator.happen(0, 'GUILD_CREATE');
    const joined = (await peer.next('GUILD_CREATE', 3)).d;
    expect(joined).not.toHaveProperty('unavailable');
    expect(simulator.guild(String(joined['id']))).toEqual({ ...joined, unavailable: false });
    simulator.happen(0, 'GUILD_DELETE', String(joined['id']));
    expect((await peer.next('GUILD_DELETE')).d).toEqual({ id: joined['id'] });
    expect(simulator.guildIds(0)).not.toContain(joined['id']);
  });

  test.each(['NO_SUCH_EVENT', GUILD_CHANGES[3]])('%s can not, and says so', async (name) => {
    await using simulator = await stateful();
    using _peer = await peerWith(simulator, ALL_INTENTS);
    expect(() => simulator.happen(0, name)).toThrow(name);
  });
});

describe('over HTTP', () => {
  test('a guild and a whole shard are told as of now', async () => {
    await using simulator = await stateful();
    using _peer = await readyPeer(simulator);
    const [id] = simulator.guildIds(0) as [string];
    const get = async (path: string) => (await fetch(`${simulator.url}${path}`)).json();
    expect(await get(`/simulator/guilds/${id}`)).toEqual(simulator.guild(id));
    expect(await get('/simulator/state?shard=0')).toEqual(simulator.shardState(0));
    expect((await fetch(`${simulator.url}/simulator/guilds/123456789012345678`)).status).toBe(404);
  });

  test('something can be made to happen', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const body = JSON.stringify({ shard: 0, name: 'GUILD_UPDATE' });
    const answer = await fetch(`${simulator.url}/simulator/happen`, { method: 'POST', body });
    expect(await answer.json()).toEqual({ s: (await peer.next('GUILD_UPDATE')).s });
  });

  test('a simulator without the option refuses', async () => {
    await using simulator = await smallSimulator();
    expect((await fetch(`${simulator.url}/simulator/state?shard=0`)).status).toBe(400);
  });
});
