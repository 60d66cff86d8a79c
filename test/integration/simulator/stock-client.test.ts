import { WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import { expect, test } from 'vitest';
import { INTENTS } from '../../../src/protocol/intents.ts';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';

test('stock @discordjs/ws connects four shards, receives all events in order and resumes, without a violation', async () => {
  await using simulator = await startSimulator({
    shards: 4,
    guilds: 20,
    eventsPerSecond: 500,
    maxConcurrency: 4,
  });
  const received = new Map<number, number[]>([0, 1, 2, 3].map((shard) => [shard, []]));
  const resumed = new Set<number>();
  const rest = {
    get: async (route: string) => {
      const headers = { authorization: `Bot ${simulator.options.token}` };
      return (await fetch(`${simulator.url}/api/v10${route}`, { headers })).json();
    },
    // The reason for the cast: of a REST client the manager uses `get` alone.
  } as unknown as ConstructorParameters<typeof WebSocketManager>[0]['rest'];
  const client = new WebSocketManager({
    token: simulator.options.token,
    intents: INTENTS.GUILDS | INTENTS.GUILD_MESSAGES,
    rest,
  });
  client.on(WebSocketShardEvents.Dispatch, ({ s }, shard) => void received.get(shard)?.push(s));
  client.on(WebSocketShardEvents.Resumed, (shard) => void resumed.add(shard));
  await client.connect();
  await eventually(() => [...received.values()].every((sequences) => sequences.length > 20));
  simulator.inject({ kind: 'disconnect', shard: 0, code: 4000 });
  simulator.inject({ kind: 'reconnect', shard: 1 });
  simulator.inject({ kind: 'disconnect', shard: 2, terminate: true });
  await eventually(() => resumed.size === 3, 15_000);
  simulator.setRate(0);
  const { dispatchedPerShard } = simulator.stats();
  await eventually(() =>
    [...received.values()].every((all, shard) => all.length >= dispatchedPerShard[shard]!),
  );
  for (const [shard, sequences] of received) {
    expect(sequences).toEqual(Array.from({ length: dispatchedPerShard[shard]! }, (_, index) => index + 1));
  }
  expect(simulator.stats()).toMatchObject({ identifies: 4, resumes: 3, violationCount: 0 });
  await client.destroy({ code: 4900 });
});
