/** Two bots at a node without Redis, with worker tokens of their own. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NodeProcess } from '../../support/node.ts';
import { connectWorker, type Worker } from '../../support/worker.ts';
import { type Bot, startTwoBots, type TwoBots } from './two-bots.ts';

const FIRST_TOKEN = 'token-of-the-workers-of-the-first-bot';
const ANY_TOKEN = 'token-of-the-workers-of-both-the-bots';

let bots: TwoBots;
let node: NodeProcess;

function workersSection({ first }: TwoBots): string {
  return `workers:
  tokens:
    - { name: first, token: ${FIRST_TOKEN}, application: "${first.id}" }
    - { name: any, token: ${ANY_TOKEN} }
`;
}

beforeAll(async () => {
  bots = await startTwoBots();
  node = bots.start({}, workersSection(bots));
  await (await node.listening()).ready();
});
afterAll(() => bots?.[Symbol.asyncDispose]());

async function connect({ shards }: Bot, token: string, path: string): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl, { path });
  worker.identify({ token, shard: [0, shards] });
  return worker;
}

it('a worker token for all bots is good at every path, and one that is bound at its own', async () => {
  const { first, second } = bots;
  for (const [bot, token] of [
    [first, FIRST_TOKEN],
    [first, ANY_TOKEN],
    [second, ANY_TOKEN],
  ] as const) {
    using worker = await connect(bot, token, `/apps/${bot.id}/shards/0`);
    expect((await worker.next('READY')).d.application.id).toBe(bot.id);
  }
  using elsewhere = await connect(second, FIRST_TOKEN, `/apps/${second.id}/shards/0`);
  expect(await elsewhere.closed()).toBe(4004);
});

it('without a path a bound token tells the bot, and one for all does not', async () => {
  using bound = await connect(bots.first, FIRST_TOKEN, '/shards/0');
  expect((await bound.next('READY')).d.application.id).toBe(bots.first.id);
  using unbound = await connect(bots.first, ANY_TOKEN, '/shards/0');
  expect(await unbound.closed()).toBe(4010);
  expect(unbound.closeReason).toBe(
    'there are 2 applications here; connect to /apps/<application id>/shards/<n>',
  );
});

it('a bot that is refused when it asks how to connect is stopped alone, and the node goes on with the other', async () => {
  await using others = await startTwoBots();
  const { first, second } = others;
  first.discord.inject({ kind: 'refuse-token' });
  const another = await others.start({}).listening();
  const { reason, application } = await another.logged(/application is stopped/);
  expect(application).toBe(first.id);
  expect(reason).toMatch(/401/);
  using worker = await connectWorker(another.workersUrl, { path: `/apps/${second.id}/shards/0` });
  worker.identify({ token: second.token, shard: [0, second.shards] });
  await worker.next('READY');
  using refused = await connectWorker(another.workersUrl, { path: `/apps/${first.id}/shards/0` });
  refused.identify({ token: first.token, shard: [0, first.shards] });
  expect(await refused.closed()).toBe(1013);
  expect((await another.readyz()).body).toMatchObject({
    checks: { [`shards of ${first.id}`]: { ok: false, wrong: reason } },
  });
  expect(await another.stop()).toBe(0);
});

it('a restart resumes the sessions of both', async () => {
  expect(await node.stop()).toBe(0);
  node = bots.start({}, workersSection(bots));
  await (await node.listening()).ready();
  for (const { discord, shards } of [bots.first, bots.second]) {
    expect(discord.stats()).toMatchObject({ identifies: shards, resumes: shards, violations: {} });
  }
});
