import { expect, it } from 'vitest';
import { type ReadinessSource, readiness } from '../../../src/commands/gateway/readiness.ts';

const READY = { upstream: { state: { kind: 'ready' } } };
const CONNECTING = { upstream: { state: { kind: 'connecting' } } };

/** One that has two shards, both connected. */
const FINE: ReadinessSource = {
  id: '1',
  stoppedReason: undefined,
  informationProblem: undefined,
  waitingReason: undefined,
  isUnfit: false,
  shardCount: 4,
  ownership: { contact: { isUp: true }, planned: 2, held: { size: 2 } },
  shards: [READY, READY],
  gate: { waiting: { slot: 0, budget: 0, store: 0 }, isBudgetHeld: false },
};

function shardsCheck(change: Partial<ReadinessSource>) {
  return readiness([{ ...FINE, ...change }], false)['shards'];
}

it('is ready when all that is planned for it is connected', () => {
  expect(readiness([FINE], false)).toEqual({
    draining: { ok: true },
    shards: { ok: true },
    cluster: { ok: true },
  });
});

it('is not ready while it shuts down', () => {
  expect(readiness([FINE], true)['draining']).toEqual({ ok: false, wrong: 'this node is shutting down' });
});

it('names the application where there are several', () => {
  const checks = readiness([FINE, { ...FINE, id: '2', stoppedReason: 'refused' }], false);
  expect(checks['shards of 1']).toEqual({ ok: true });
  expect(checks['shards of 2']).toEqual({ ok: false, wrong: 'refused' });
});

it.each<[string, Partial<ReadinessSource>]>([
  ['Discord has not said yet how many shards there are', { shardCount: undefined }],
  ['Discord answered 503', { shardCount: undefined, informationProblem: 'Discord answered 503' }],
  ['waiting for Redis', { shardCount: undefined, waitingReason: 'waiting for Redis' }],
  ['it is not known yet which shards are for this node', { ownership: undefined }],
  [
    '0 of 2 shards are connected; 2 not at this node yet',
    { shards: [], ownership: { contact: { isUp: true }, planned: 2, held: { size: 0 } } },
  ],
  [
    '1 of 2 shards are connected; 1 waiting for their turn to IDENTIFY',
    { shards: [READY, CONNECTING], gate: { waiting: { slot: 1, budget: 0, store: 0 }, isBudgetHeld: false } },
  ],
  [
    "1 of 2 shards are connected; 1 waiting to IDENTIFY: Discord's budget is down to the reserve",
    { shards: [READY, CONNECTING], gate: { waiting: { slot: 0, budget: 1, store: 0 }, isBudgetHeld: true } },
  ],
  [
    '1 of 2 shards are connected; 1 waiting to IDENTIFY: the identify slots can not be asked for',
    { shards: [READY, CONNECTING], gate: { waiting: { slot: 0, budget: 0, store: 1 }, isBudgetHeld: false } },
  ],
  [
    'none could be connected to Discord; they were left to other nodes',
    { isUnfit: true, shards: [], ownership: { contact: { isUp: true }, planned: 0, held: { size: 0 } } },
  ],
])('says why: %s', (wrong, change) => {
  expect(shardsCheck(change)).toEqual({ ok: false, wrong });
});

it('says that leases can not be renewed', () => {
  const ownership = { contact: { isUp: false }, planned: 2, held: { size: 2 } };
  const checks = readiness([{ ...FINE, ownership }], false);
  expect([checks['shards'], checks['cluster']?.ok]).toEqual([{ ok: true }, false]);
});
