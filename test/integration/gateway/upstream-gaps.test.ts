import { expect, it } from 'vitest';
import { startNode } from '../../support/node.ts';
import { connectWorker, type Worker } from '../../support/worker.ts';
import { ScriptedDiscord } from './scripted-discord.ts';

const env = { SHARDMUX_DISCORD_COMPRESSION: 'none' };

async function readyNode(discord: ScriptedDiscord) {
  const node = await startNode({ discord, env });
  const connection = await discord.ready();
  await node.ready();
  const worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.next('READY');
  return { node, connection, worker };
}

function sequences(worker: Worker): (number | null)[] {
  return worker.dispatches.filter(({ t }) => t === 'TYPING_START').map(({ s }) => s);
}

it('asks for a missing dispatch again by RESUME', async () => {
  await using discord = await new ScriptedDiscord().appear();
  const { node, connection, worker } = await readyNode(discord);
  await using _node = node;
  using _worker = worker;
  for (const s of [2, 3, 5, 6]) connection.dispatch(s);
  const second = await discord.connection(2);
  expect((await second.next(6)).d).toMatchObject({ session_id: 'session-1', seq: 3 });
  expect([1000, 1001]).not.toContain(connection.closeCode);
  for (const s of [4, 5, 6]) second.dispatch(s);
  second.dispatch(7, 'RESUMED', {});
  second.dispatch(8);
  await worker.reached(8);
  expect(sequences(worker)).toEqual([2, 3, 4, 5, 6, 8]);
  expect(await node.metric('shardmux_upstream_gaps_total')).toBe(1);
  expect(discord.connections).toHaveLength(2);
});

it('accepts a sequence that Discord leaves out twice', async () => {
  await using discord = await new ScriptedDiscord().appear();
  const { node, connection, worker } = await readyNode(discord);
  await using _node = node;
  using _worker = worker;
  for (const s of [2, 3, 5]) connection.dispatch(s);
  const second = await discord.connection(2);
  await second.next(6);
  second.dispatch(5);
  second.dispatch(6, 'RESUMED', {});
  second.dispatch(7);
  await worker.reached(7);
  expect(sequences(worker)).toEqual([2, 3, 5, 7]);
  expect(discord.connections).toHaveLength(2);
});

it('does not give workers what Discord sends twice', async () => {
  await using discord = await new ScriptedDiscord().appear();
  const { node, connection, worker } = await readyNode(discord);
  await using _node = node;
  using _worker = worker;
  for (const s of [2, 3, 3, 2, 4]) connection.dispatch(s);
  await worker.reached(4);
  expect(sequences(worker)).toEqual([2, 3, 4]);
  expect(await node.metric('shardmux_upstream_duplicates_total')).toBe(2);
});

it('a Discord that is gone for a while costs no IDENTIFY', async () => {
  await using discord = await new ScriptedDiscord().appear();
  const { node, connection, worker } = await readyNode(discord);
  await using _node = node;
  using _worker = worker;
  connection.dispatch(2);
  await worker.reached(2);
  await discord.vanish();
  await node.logged(/connection failed/);
  await discord.appear();
  const second = await discord.connection(2);
  expect((await second.next(6)).d).toMatchObject({ session_id: 'session-1', seq: 2 });
  second.dispatch(3);
  second.dispatch(4, 'RESUMED', {});
  await node.ready();
  await worker.reached(3);
  expect(discord.connections.flatMap(({ received }) => received.map(({ op }) => op))).toEqual([2, 6]);
});

it.each([4007, 4009])('IDENTIFYs anew after close code %i, which ends the session', async (code) => {
  await using discord = await new ScriptedDiscord().appear();
  const { node, connection, worker } = await readyNode(discord);
  await using _node = node;
  using _worker = worker;
  connection.close(code);
  await discord.ready(2);
  await node.ready();
  expect((await worker.next(9)).d).toBe(false);
  expect(worker.closeCode).toBeUndefined();
});

it('sends commands in order, those of a broken connection after the RESUME', async () => {
  await using discord = await new ScriptedDiscord().appear();
  const { node, connection, worker } = await readyNode(discord);
  await using _node = node;
  using _worker = worker;
  const guild = (n: number) => `10000000000000000${n}`;
  const leave = (n: number) => worker.send(4, { guild_id: guild(n), channel_id: null });
  leave(1);
  await connection.next(4);
  await discord.vanish();
  await node.logged(/connection failed/);
  for (const n of [2, 3, 4]) leave(n);
  await discord.appear();
  const second = await discord.connection(2);
  await second.next(6);
  second.dispatch(2);
  await worker.reached(2);
  expect(second.received.map(({ op }) => op)).toEqual([6]);
  second.dispatch(3, 'RESUMED', {});
  await second.next(4);
  leave(5);
  await expect.poll(() => second.received.length).toBe(5);
  expect(second.received.map(({ d }) => d['guild_id'])).toEqual([undefined, ...[2, 3, 4, 5].map(guild)]);
});
