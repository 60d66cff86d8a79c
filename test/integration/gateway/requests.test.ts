/** What workers ask of guilds (ops 8, 31, 43): answered to them alone, by memory or by one request to Discord. */
import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';
import { firstDifference, receivedLines, truthLines } from '../../support/worker.ts';
import { lastDispatch } from './live-shard.ts';
import {
  answered,
  type Body,
  chunksOf,
  dispatched,
  everyone,
  expectOrdered,
  idsOf,
  membersIn,
  opsSent,
  startShard,
} from './requests-support.ts';

const CHUNK = 'GUILD_MEMBERS_CHUNK';

it('two workers that ask for all members at once cost Discord one request, and each gets them with its own nonce', async () => {
  await using shard = await startShard();
  const { simulator, guild } = shard;
  const [first, second, third] = [await shard.worker(), await shard.worker(), await shard.worker()];
  first.send(8, everyone(guild().id, { nonce: 'one', presences: true }));
  second.send(8, everyone(guild().id, { nonce: 'two', presences: true }));
  for (const [worker, nonce] of [
    [first, 'one'],
    [second, 'two'],
  ] as const) {
    const chunks = await answered(worker, nonce);
    expect(idsOf(membersIn(chunks))).toEqual(idsOf(guild().members));
    expect(chunks.flatMap((chunk) => chunk['presences'])).toHaveLength(guild().presences.length);
    expectOrdered(worker);
  }
  // What comes after is the first that the third worker hears of it.
  const last = simulator.dispatch(0, 'TYPING_START', { channel_id: '1', user_id: '2', timestamp: 3 });
  await third.reached(last);
  expect(chunksOf(third)).toEqual([]);
  expect(dispatched(first, 'GUILD_MEMBERS_CHUNK')).toHaveLength(1);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[8], {}]);
});

it('members are answered from memory once it has all of them: all, by id, by name, with presences', async () => {
  await using shard = await startShard();
  const { simulator, guild } = shard;
  const worker = await shard.worker();
  worker.send(8, everyone(guild().id, { nonce: 'from Discord' }));
  await answered(worker, 'from Discord');
  simulator.happen(0, 'GUILD_MEMBER_REMOVE', guild().id);
  await worker.reached(simulator.happen(0, 'GUILD_MEMBER_ADD', guild().id));
  worker.send(8, everyone(guild().id, { nonce: 'all', presences: true }));
  const [all] = await answered(worker, 'all');
  expect(idsOf(membersIn([all!]))).toEqual(idsOf(guild().members));
  expect((all!['presences'] as Body[]).length).toBe(guild().presences.length);
  const [member] = guild().members.slice(-1);
  const user = member!['user'] as Body;
  const unknown = '999999999999999999';
  worker.send(8, { guild_id: guild().id, user_ids: [user['id'], unknown], nonce: 'ids' });
  const [byId] = await answered(worker, 'ids');
  expect(byId).toMatchObject({ members: [{ user: { id: user['id'] } }], not_found: [unknown] });
  expect(byId).not.toHaveProperty('presences');
  worker.send(8, {
    guild_id: guild().id,
    query: String(user['username']).toUpperCase(),
    limit: 5,
    nonce: 'q',
  });
  expect(idsOf(membersIn(await answered(worker, 'q')))).toContain(user['id']);
  worker.send(8, { guild_id: guild().id, query: '', limit: 3 });
  await eventually(() => chunksOf(worker).length === 1);
  expect(membersIn(chunksOf(worker))).toHaveLength(3);
  expectOrdered(worker);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[8], {}]);
});

it('sounds are answered from memory, and channel information once Discord has told it', async () => {
  await using shard = await startShard({ guilds: 2 });
  const { simulator, guild } = shard;
  const [worker, other] = [await shard.worker(), await shard.worker()];
  simulator.happen(0, 'GUILD_SOUNDBOARD_SOUND_UPDATE', guild().id);
  worker.send(31, { guild_ids: simulator.guildIds(0) });
  await worker.next('SOUNDBOARD_SOUNDS', 2);
  expect(dispatched(worker, 'SOUNDBOARD_SOUNDS')).toEqual(
    simulator.guildIds(0).map((guild_id) => ({
      guild_id,
      soundboard_sounds: simulator.guild(guild_id)?.['soundboard_sounds'],
    })),
  );
  const channels = guild()['channels'] as Body[];
  const id = channels.find((channel) => channel['type'] === 2)?.['id'];
  const request = { guild_id: guild().id, fields: ['status', 'voice_start_time'] };
  worker.send(43, request);
  await worker.next('CHANNEL_INFO');
  simulator.dispatch(0, 'VOICE_CHANNEL_STATUS_UPDATE', { id, guild_id: guild().id, status: 'busy' });
  const update = { id, guild_id: guild().id, voice_start_time: 5 };
  await worker.reached(simulator.dispatch(0, 'VOICE_CHANNEL_START_TIME_UPDATE', update));
  worker.send(43, request);
  await worker.next('CHANNEL_INFO', 2);
  const [, fromMemory] = dispatched(worker, 'CHANNEL_INFO');
  expect(fromMemory?.['channels']).toContainEqual({ id, status: 'busy', voice_start_time: 5 });
  await other.reached(worker.lastSequence);
  expect([dispatched(other, 'CHANNEL_INFO'), dispatched(other, 'SOUNDBOARD_SOUNDS')]).toEqual([[], []]);
  expectOrdered(worker);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[43], {}]);
});

it('without guild state requests go to Discord, those to the same effect as one', async () => {
  await using shard = await startShard({ guilds: 3 }, { SHARDMUX_GUILDS_STATE: 'off' });
  const { simulator, guild } = shard;
  const workers = [await shard.worker(), await shard.worker()];
  // Nothing is answered before all have asked.
  simulator.inject({ kind: 'slow-reads', shard: 0, ms: 3_000 });
  for (const [index, worker] of workers.entries()) {
    worker.send(8, everyone(guild().id, { nonce: `all ${index}` }));
    worker.send(31, { guild_ids: simulator.guildIds(0) });
    worker.send(43, { guild_id: guild().id, fields: ['status'] });
  }
  for (const [index, worker] of workers.entries()) {
    expect(idsOf(membersIn(await answered(worker, `all ${index}`)))).toEqual(idsOf(guild().members));
    await worker.next('SOUNDBOARD_SOUNDS', 3);
    await worker.next('CHANNEL_INFO');
    expectOrdered(worker);
  }
  expect([opsSent(simulator).sort(), simulator.stats().violations]).toEqual([[31, 43, 8].sort(), {}]);
});

it('without the intent members are asked of Discord, but those of no name of nobody', async () => {
  await using shard = await startShard({}, { SHARDMUX_DISCORD_INTENTS: 'UNPRIVILEGED' });
  const { simulator, guild } = shard;
  const worker = await shard.worker();
  worker.send(8, everyone(guild().id, { nonce: 'all' }));
  const { id } = guild().members.at(-1)!['user'] as Body;
  for (const nonce of ['first', 'again']) {
    worker.send(8, { guild_id: guild().id, user_ids: [id], nonce });
    expect(idsOf(membersIn(await answered(worker, nonce)))).toEqual([id]);
  }
  expect(chunksOf(worker, 'all')).toEqual([]);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[8, 8], {}]);
  expect(await shard.node.metric('shardmux_requests_unanswerable_total')).toBe(1);
});

it('guilds that are out, or not of the bot, are not asked for', async () => {
  await using shard = await startShard({ guilds: 2 });
  const { simulator, guild } = shard;
  const worker = await shard.worker();
  const [out, other] = simulator.guildIds(0) as [string, string];
  const gone = (BigInt(other) + 1n).toString();
  await worker.reached(simulator.happen(0, 'outage', out));
  worker.send(8, everyone(out, { nonce: 'out' }));
  worker.send(8, everyone(gone, { nonce: 'gone' }));
  worker.send(31, { guild_ids: [out, gone, other] });
  await worker.next('SOUNDBOARD_SOUNDS');
  expect(dispatched(worker, 'SOUNDBOARD_SOUNDS').map(({ guild_id }) => guild_id)).toEqual([other]);
  expect(guild(1).id).toBe(other);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[], {}]);
});

it('RATE_LIMITED is obeyed and not passed on', async () => {
  await using shard = await startShard();
  const { simulator, guild } = shard;
  const worker = await shard.worker();
  simulator.inject({ kind: 'limit-member-requests', guild: guild().id, ms: 3_000 });
  worker.send(8, everyone(guild().id, { nonce: 'patient' }));
  await eventually(() => opsSent(simulator).length === 1);
  expect(idsOf(membersIn(await answered(worker, 'patient')))).toEqual(idsOf(guild().members));
  expect(dispatched(worker, 'RATE_LIMITED')).toEqual([]);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[8, 8], {}]);
});

it('five workers that ask for every one of 100 guilds at their start cost Discord at most one request a guild', async () => {
  await using shard = await startShard({ guilds: 100, guildSize: { channels: 2, roles: 2, members: 60 } });
  const { simulator } = shard;
  const guildIds = simulator.guildIds(0);
  const workers = await Promise.all(Array.from({ length: 5 }, () => shard.worker()));
  for (const worker of workers) {
    for (const guildId of guildIds) worker.send(8, everyone(guildId, { nonce: guildId, presences: true }));
  }
  for (const worker of workers) {
    await worker.next('GUILD_MEMBERS_CHUNK', guildIds.length, 30_000);
    expect(
      dispatched(worker, 'GUILD_MEMBERS_CHUNK')
        .map(({ nonce }) => nonce)
        .sort(),
    ).toEqual([...guildIds].sort());
    expectOrdered(worker);
    expect(worker.closeCode).toBeUndefined();
  }
  const asked = simulator.received.map(({ d }) => (d as Body)['guild_id']);
  expect(new Set(asked).size).toBe(asked.length);
  expect(simulator.stats().violations).toEqual({});
});

it('a second request for all members waits its 30 s where memory does not help', async () => {
  await using shard = await startShard({}, { SHARDMUX_GUILDS_STATE: 'off' });
  const { simulator, guild } = shard;
  const worker = await shard.worker();
  worker.send(8, everyone(guild().id, { nonce: 'one' }));
  await answered(worker, 'one');
  worker.send(8, everyone(guild().id, { nonce: 'two' }));
  await eventually(async () => (await shard.node.metric('shardmux_requests_waiting')) === 1);
  await stays(() => opsSent(simulator).length === 1, 500);
  expect(simulator.stats().violations).toEqual({});
});

it('a worker that leaves in the midst takes its request with it, and the others get theirs', async () => {
  await using shard = await startShard();
  const { simulator, guild, node } = shard;
  const [leaving, staying] = [await shard.worker(), await shard.worker()];
  simulator.inject({ kind: 'slow-reads', shard: 0, ms: 4_000 });
  leaving.send(8, everyone(guild().id, { nonce: 'leaving' }));
  staying.send(8, everyone(guild().id, { nonce: 'staying' }));
  await eventually(async () => (await node.metric('shardmux_requests_waiting')) === 2);
  leaving[Symbol.dispose]();
  await eventually(async () => (await node.metric('shardmux_requests_waiting')) === 1);
  expect(idsOf(membersIn(await answered(staying, 'staying')))).toEqual(idsOf(guild().members));
  expect(await node.metric('shardmux_requests_waiting')).toBe(0);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[8], {}]);
});

it('a reconnect between a request and its answer loses neither', async () => {
  await using shard = await startShard();
  const { simulator, guild } = shard;
  const [worker, other] = [await shard.worker(), await shard.worker()];
  simulator.inject({ kind: 'disconnect', shard: 0, code: 4000 });
  worker.send(8, everyone(guild().id, { nonce: 'n' }));
  expect(idsOf(membersIn(await answered(worker, 'n', 20_000)))).toEqual(idsOf(guild().members));
  await other.reached(await lastDispatch(simulator));
  expect(chunksOf(other, 'n')).toEqual([]);
  expectOrdered(worker);
});

it('members of a large guild come in chunks to a worker that reads slowly, and nobody misses an event meanwhile', async () => {
  await using shard = await startShard(
    { guilds: 2, guildSize: { channels: 5, roles: 5, members: 2_500 } },
    { SHARDMUX_WORKERS_MAX_UNSENT_BYTES: '65536' },
  );
  const { simulator, guild } = shard;
  const [slow, other] = [await shard.worker(), await shard.worker()];
  const firsts = new Map([slow, other].map((worker) => [worker, worker.lastSequence]));
  simulator.setRate(300);
  for (const nonce of ['Discord', 'memory', 'memory again']) {
    slow.pause();
    slow.send(8, everyone(guild().id, { nonce, presences: true }));
    await other.reached(other.lastSequence + 100);
    slow.unpause();
    const chunks = await answered(slow, nonce, 20_000);
    expect(chunks.map(({ members }) => (members as Body[]).length).slice(0, 2)).toEqual([1_000, 1_000]);
  }
  const last = await lastDispatch(simulator);
  for (const worker of [slow, other]) {
    await worker.reached(last);
    expectOrdered(worker);
    const live = worker.dispatches.filter(({ s, t }) => (s ?? 0) > (firsts.get(worker) ?? 0) && t !== CHUNK);
    const sent = simulator.truth(0).sessions[0]?.dispatches.filter(({ t }) => t !== CHUNK) ?? [];
    const truth = truthLines(sent, { after: firsts.get(worker) ?? 0 });
    expect(firstDifference(receivedLines(live), truth)).toBeUndefined();
  }
  expect(chunksOf(other, 'Discord')).toEqual([]);
  expect([opsSent(simulator), simulator.stats().violations]).toEqual([[8], {}]);
});
