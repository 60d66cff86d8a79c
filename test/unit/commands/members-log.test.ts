import { expect, it } from 'vitest';
import type { Member } from '../../../src/cluster/index.ts';
import { MembersLog } from '../../../src/commands/gateway/members-log.ts';

const LEASE_TTL_MS = 5_000;

function start() {
  const lines: string[] = [];
  const note = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log = new MembersLog('node-a', { info: note('info'), warn: note('warn'), debug: note('debug') });
  const members = (...nodeIds: readonly string[]) => nodeIds.map((nodeId) => member(nodeId));
  return {
    members,
    update: (nowMs: number, seen: readonly Member[], isSteady = true) =>
      log.update({ members: seen, nowMs, isSteady }),
    /** Those since the last call. */
    said: () => lines.splice(0),
  };
}

function member(nodeId: string, incarnation = `${nodeId}-1`): Member {
  const state = {
    address: `${nodeId}:7777`,
    weight: 1,
    isDraining: false,
    reach: 'connected' as const,
    isSteady: true,
  };
  return { nodeId, incarnation, ...state, lapsesInMs: LEASE_TTL_MS };
}

it('names each other node once, when it is first there', () => {
  const { update, members, said } = start();
  update(0, members('node-a', 'node-b'), false);
  update(1_000, members('node-a', 'node-b'));
  expect(said()).toEqual(['info another node is there {"node":"node-b","address":"node-b:7777","nodes":2}']);
});

it('tells a node that has left from one that is gone without a word', () => {
  const { update, members, said } = start();
  update(0, members('node-a', 'node-b', 'node-c'));
  said();
  update(1_000, members('node-a', 'node-c'));
  expect(said()).toEqual(['info another node has left {"node":"node-b","nodes":2}']);
  update(1_000 + LEASE_TTL_MS, members('node-a'));
  expect(said()).toEqual([
    'warn another node is gone without a word; its shards are taken over {"node":"node-c","nodes":1}',
  ]);
});

it('says nothing of nodes that have yet to come back to a Redis that lost its data', () => {
  const { update, members, said } = start();
  update(0, members('node-a', 'node-b'));
  said();
  update(30_000, members('node-a'), false);
  update(31_000, members('node-a', 'node-b'), false);
  update(36_000, members('node-a', 'node-b'));
  expect(said()).toEqual([]);
});

it('names a node that was started again under its id', () => {
  const { update, members, said } = start();
  update(0, members('node-a', 'node-b'));
  said();
  update(1_000, [member('node-a'), member('node-b', 'node-b-2')]);
  expect(said()).toEqual([
    'info another node was started again {"node":"node-b","address":"node-b:7777","nodes":2}',
  ]);
});
