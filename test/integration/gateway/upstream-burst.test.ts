import { expect, it } from 'vitest';
import { TRANSPORT_COMPRESSIONS } from '../../../src/protocol/compression.ts';
import { eventually } from '../../support/eventually.ts';
import { firstDifference, receivedLines, truthLines } from '../../support/worker.ts';
import { type LiveShard, liveShard } from './live-shard.ts';

/** No dispatches but those asked for, and a log that holds them all. */
function quietShard(compression: string, guilds: number): Promise<LiveShard> {
  return liveShard(
    { guilds, eventsPerSecond: 0 },
    { SHARDMUX_DISCORD_COMPRESSION: compression, SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD: '256MiB' },
  );
}

it.each(
  TRANSPORT_COMPRESSIONS,
)('a burst of 100,000 dispatches arrives complete and in order with compression %s', async (compression) => {
  await using live = await quietShard(compression, 5);
  const { simulator, worker, first } = live;
  await simulator.burst(0, 100_000);
  await worker.reached(first + 100_000, 30_000);
  const [session] = simulator.truth(0).sessions;
  const truth = truthLines(session?.dispatches ?? [], { after: first });
  // GUILD_CREATEs of the session's beginning may be among them.
  expect(truth.length).toBeGreaterThanOrEqual(100_000);
  expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
  const { identifies, resumes, violations } = simulator.stats();
  expect({ identifies, resumes, violations }).toEqual({ identifies: 1, resumes: 0, violations: {} });
}, 60_000);

it.each(
  TRANSPORT_COMPRESSIONS,
)('what is in flight when Discord closes, 60,000 dispatches, is taken and the rest resumed with compression %s', async (compression) => {
  await using live = await quietShard(compression, 50);
  const { simulator, worker, first } = live;
  // The close frame queues up behind the burst; what is dispatched after it only a RESUME can bring.
  await simulator.burst(0, 60_000);
  simulator.inject({ kind: 'disconnect', shard: 0 });
  await simulator.burst(0, 1_000);
  await worker.reached(first + 61_000, 30_000);
  await eventually(() => simulator.stats().resumes === 1);
  const last = simulator.dispatch(0, 'TYPING_START', { channel_id: '1', user_id: '2', timestamp: 3 });
  await worker.reached(last);
  const [session] = simulator.truth(0).sessions;
  const truth = truthLines(session?.dispatches ?? [], { after: first });
  expect(truth.length).toBeGreaterThanOrEqual(61_001);
  expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
  const { identifies, resumes, resumesRefused, violations } = simulator.stats();
  expect({ identifies, resumes, resumesRefused, violations }).toEqual({
    identifies: 1,
    resumes: 1,
    resumesRefused: 0,
    violations: {},
  });
}, 60_000);
