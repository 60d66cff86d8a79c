import { expect, it } from 'vitest';
import { ClusterStoreError, untilAnswered } from '../../../src/cluster/index.ts';
import { RedisCallError } from '../../../src/cluster/redis/connections.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function start(failures: readonly Error[]) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const waiting: string[] = [];
  const left = [...failures];
  const ask = async () => {
    const failure = left.shift();
    if (failure) throw failure;
    return 'answer';
  };
  const onWaiting = (reason: string) => void waiting.push(reason);
  return {
    clock,
    abort,
    waiting,
    left,
    answer: untilAnswered(ask, { clock, signal: abort.signal, onWaiting }),
  };
}

const AWAY = new RedisCallError('not connected to Redis');

it('asks again while Redis is away, and says once that it waits', async () => {
  const { clock, waiting, left, answer } = start([AWAY, AWAY]);
  await eventually(() => waiting.length === 1);
  clock.advance(250);
  await eventually(() => left.length === 0);
  // The pause begins once the second failure has come.
  await eventually(() => {
    clock.advance(250);
    return Promise.race([answer, undefined]);
  });
  expect(await answer).toBe('answer');
  expect(waiting).toEqual(['waiting for Redis: not connected to Redis']);
});

it('does not ask again after a refusal', async () => {
  const { answer, waiting } = start([new ClusterStoreError('redis.hosts: no')]);
  await expect(answer).rejects.toThrow('redis.hosts: no');
  expect(waiting).toEqual([]);
});

it('gives up without an answer when the node stops', async () => {
  const { abort, waiting, answer } = start([AWAY, AWAY, AWAY]);
  await eventually(() => waiting.length === 1);
  abort.abort();
  expect(await answer).toBeUndefined();
});
