/** Asking a node that does not answer as one should. What a right one answers: test/unit/workers/peer-question.test.ts. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { askHeldShards, PeerQuestionError, relayKey } from '../../../src/routing/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const TIMEOUT_MS = 1_000;

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function ask(clock: ManualClock, answer: RequestListener): Promise<Map<number, number>> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(started.address() as AddressInfo).port}`;
  const key = relayKey('a secret');
  return askHeldShards({ address, applicationId: '5', key, nodeId: 'me', timeoutMs: TIMEOUT_MS, clock });
}

test.each([
  ['no JSON', 'yes', /JSON/],
  ['no object', 'null', /./],
  ['no shards', '{}', /without shards/],
  ['a shard that is none', '{"shards":{"-1":1}}', /no shard or no epoch/],
  ['an epoch that is none', '{"shards":{"1":"2"}}', /no shard or no epoch/],
  ['too much', `{"shards":{},"x":"${'x'.repeat(1024 * 1024)}"}`, /more than 1048576 bytes/],
])('an answer that is %s throws', async (_what, body, why) => {
  const asking = ask(new ManualClock(), (_request, response) => response.end(body));
  await expect(asking).rejects.toThrow(PeerQuestionError);
  await expect(asking).rejects.toThrow(why);
});

test.each([
  ['nothing', () => {}],
  ['only the beginning', (_request, response) => response.write('{"shards":')],
] as [
  string,
  RequestListener,
][])('a node that answers %s is given up after the time given', async (_what, answer) => {
  const clock = new ManualClock();
  let isAsked = false;
  const asking = ask(clock, (request, response) => {
    isAsked = true;
    answer(request, response);
  });
  const failure = expect(asking).rejects.toThrow(/no answer within 1000 ms/);
  await eventually(() => isAsked);
  clock.advance(TIMEOUT_MS);
  await failure;
  expect(clock.pendingTimers).toBe(0);
});

test('a node that breaks off throws', async () => {
  const asking = ask(new ManualClock(), (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"shards":{}}');
    response.socket?.destroySoon();
  });
  await expect(asking).rejects.toThrow(PeerQuestionError);
});
