/** A bot token that Discord has refused stops everything that needs it, until the file that it came from has another. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type StateDirectory, stateDirectory } from '../../support/node.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

const OLD = 'MTAwMDAwMDAwMDAwMDAwMDAw.old.token';
const WORKER = 'worker-token-0123456789abcdef0123456789';

/** A node whose bot token is in a file. */
async function startWithFile(
  simulator: Simulator,
  directory: StateDirectory,
  env: Record<string, string> = {},
): Promise<RestProcess> {
  const file = join(directory.path, 'token');
  await writeFile(file, `${OLD}\n`);
  return startRest({
    discord: simulator,
    directory: directory.path,
    env: { SHARDMUX_DISCORD_TOKEN_FILE: file, ...env },
  });
}

/** As a mounted secret changes: another file takes its place. */
async function replaceToken({ path }: StateDirectory, token: string): Promise<void> {
  await writeFile(join(path, 'fresh'), token);
  await rename(join(path, 'fresh'), join(path, 'token'));
}

async function statusOf(node: RestProcess, token: string, path = '/users/@me'): Promise<number> {
  const answer = await fetch(`${node.restUrl}/api/v10${path}`, {
    headers: { authorization: `Bot ${token}` },
  });
  await answer.arrayBuffer();
  return answer.status;
}

const WITH_WORKER = { SHARDMUX_WORKERS_TOKENS: `production:${WORKER}` };

describe('a refused bot token', () => {
  it('locks until its file has another; then requests flow, and the node is ready', async () => {
    await using simulator = await smallSimulator();
    using directory = stateDirectory();
    await using node = await startWithFile(simulator, directory, WITH_WORKER);
    expect([await statusOf(node, WORKER), await statusOf(node, WORKER)]).toEqual([503, 503]);
    expect((await node.readyz()).status).toBe(503);
    await replaceToken(directory, simulator.options.token);
    await node.logged('the bot token was replaced from its file');
    expect(await statusOf(node, WORKER)).toBe(200);
    expect((await node.readyz()).status).toBe(200);
    expect(simulator.stats().rest.statuses[401]).toBe(1);
  });

  it('is asked for the number of shards again with the new one', async () => {
    await using simulator = await smallSimulator({ shards: 3 });
    using directory = stateDirectory();
    await using node = await startWithFile(simulator, directory, {
      ...WITH_WORKER,
      SHARDMUX_DISCORD_SHARD_COUNT: 'auto',
    });
    await node.logged('the number of shards stays unknown');
    expect((await node.readyz()).status).toBe(503);
    expect(await statusOf(node, WORKER)).toBe(503);
    expect(simulator.stats().rest.requests).toBe(1);
    expect(await statusOf(node, WORKER, '/gateway/bot')).toBe(503);
    await replaceToken(directory, simulator.options.token);
    await eventually(async () => (await statusOf(node, WORKER, '/gateway/bot')) === 200);
  });

  it('is no worker token either once it is replaced, on connections that are open as well', async () => {
    await using simulator = await smallSimulator();
    using directory = stateDirectory();
    await using node = await startWithFile(simulator, directory);
    expect(await statusOf(node, OLD, '/gateway')).toBe(200);
    await replaceToken(directory, simulator.options.token);
    await node.logged('the bot token was replaced from its file');
    expect(await statusOf(node, OLD, '/gateway')).toBe(401);
    expect(await statusOf(node, simulator.options.token)).toBe(200);
  });
});

it('a file that holds no token, or that of another bot, changes nothing, and is told of once', async () => {
  await using simulator = await smallSimulator();
  using directory = stateDirectory();
  await using node = await startWithFile(simulator, directory, WITH_WORKER);
  const kept = 'the file of the bot token can not be used; the token before is kept';
  const reasons = () => node.logs().flatMap(({ msg, reason }) => (msg === kept ? [reason] : []));
  await replaceToken(directory, 'two words');
  await eventually(() => reasons().length === 1);
  await replaceToken(directory, 'MjAwMDAwMDAwMDAwMDAwMDAw.of-another.bot');
  await eventually(() => reasons().length === 2);
  expect(reasons()).toEqual([
    'it has a space or a line break in it',
    'it holds the token of another application',
  ]);
  await replaceToken(directory, simulator.options.token);
  await node.logged('the bot token was replaced from its file');
  expect(await statusOf(node, WORKER)).toBe(200);
});
