import { expect, test } from 'vitest';
import { SIMULATOR_TOKEN, startSimulator } from '../../../src/simulator/index.ts';
import { startNode } from '../../support/node.ts';
import { connectWorker } from '../../support/worker.ts';

const PRODUCTION = 'a-worker-token-of-production-0123456789';
const STAGING = 'a-worker-token-of-staging-9876543210';
const SESSION_SECRET = 'the-secret-that-signs-session-ids-0123456789';

test('workers are who their token says, and no token or secret gets out of the process', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using node = await startNode({
    discord: simulator,
    env: {
      SHARDMUX_WORKERS_TOKENS: `production:${PRODUCTION},staging:${STAGING}`,
      SHARDMUX_WORKERS_SESSION_SECRET: SESSION_SECRET,
      SHARDMUX_LOGGING_LEVEL: 'trace',
    },
  });
  await node.ready();
  const http = node.workersUrl.replace('ws:', 'http:');
  const received: string[] = [];

  using worker = await connectWorker(node.workersUrl);
  worker.identify({ token: PRODUCTION });
  await worker.next('READY');
  using staging = await connectWorker(node.workersUrl);
  staging.identify({ token: `Bot ${STAGING}` });
  await staging.next('READY');

  for (const token of [SIMULATOR_TOKEN, `${PRODUCTION}x`, PRODUCTION.slice(0, -1), '', 'production']) {
    using stranger = await connectWorker(node.workersUrl);
    stranger.identify({ token });
    expect(await stranger.closed()).toBe(4004);
    received.push(stranger.closeReason ?? '');
    const { status } = await fetch(`${http}/gateway/bot`, { headers: { authorization: `Bot ${token}` } });
    expect(status).toBe(401);
  }

  using thief = await connectWorker(node.workersUrl);
  thief.resume({ sessionId: worker.sessionId, seq: worker.lastSequence, token: STAGING });
  expect((await thief.next(9)).d).toBe(false);
  using garbage = await connectWorker(node.workersUrl);
  garbage.socket.send(`{"op":2,"d":{"token":"${PRODUCTION}","shard":"${STAGING}"}}`);
  expect(await garbage.closed()).toBe(4002);
  received.push(garbage.closeReason ?? '');
  const answer = await fetch(`${http}/gateway/bot`, { headers: { authorization: `Bot ${PRODUCTION}` } });
  expect(answer.status).toBe(200);
  received.push(await answer.text(), await node.metrics(), JSON.stringify((await node.readyz()).body));
  for (const one of [worker, staging, thief]) received.push(...one.payloads.map(({ text }) => text));

  expect(await node.metric('shardmux_workers_closes_total', { close_code: '4004' })).toBe(5);
  await node.stop();
  const output = [...received, ...node.logs().map((line) => JSON.stringify(line)), node.stderr].join('\n');
  expect(output).toContain('"account":"production"');
  for (const secret of [PRODUCTION, STAGING, SESSION_SECRET, SIMULATOR_TOKEN]) {
    expect(output.includes(secret)).toBe(false);
  }
});
