import { expect, it } from 'vitest';
import { startNode } from '../../support/node.ts';
import { ScriptedDiscord } from './scripted-discord.ts';

const env = { SHARDMUX_DISCORD_COMPRESSION: 'none' };

it('RESUMEs after a close with 4200, which the library takes for its own', async () => {
  await using discord = await new ScriptedDiscord().appear();
  await using node = await startNode({ discord, env });
  const connection = await discord.ready();
  await node.ready();
  connection.close(4200);
  const second = await discord.connection(2);
  expect((await second.next(6)).d).toMatchObject({ session_id: 'session-1', seq: 1 });
});

it('survives a READY whose resume URL is none, and connects again', async () => {
  await using discord = await new ScriptedDiscord().appear();
  await using node = await startNode({ discord, env });
  const connection = await discord.connection(1);
  await connection.next(2);
  connection.dispatch(1, 'READY', { session_id: 'a', resume_gateway_url: 'ftp://127.0.0.1', guilds: [] });
  await discord.connection(2);
  expect(node.hasEnded).toBe(false);
});
