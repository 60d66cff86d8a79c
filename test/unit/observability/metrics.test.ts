import { expect, it } from 'vitest';
import { createMetrics } from '../../../src/observability/index.ts';

it('shows counters, gauges and histograms', async () => {
  const metrics = createMetrics();
  metrics
    .counter({ name: 'shardmux_test_frames_total', help: 'Frames.', labels: ['shard'] })
    .inc({ shard: 3 }, 2);
  metrics.gauge({ name: 'shardmux_test_lag_bytes', help: 'Lag.' }).set(5);
  metrics.histogram({ name: 'shardmux_test_wait_seconds', help: 'Wait.', buckets: [1, 2] }).observe(1.5);
  const text = await metrics.exposition();
  expect(text).toContain('shardmux_test_frames_total{shard="3"} 2\n');
  expect(text).toContain('shardmux_test_lag_bytes 5\n');
  expect(text).toContain('shardmux_test_wait_seconds_bucket{le="2"} 1\n');
});

it('reads observed metrics anew at each scrape, and forgets labels that are gone', async () => {
  const metrics = createMetrics();
  let shards = [1, 2];
  metrics.observedCounter({
    name: 'shardmux_test_dispatches_total',
    help: 'Dispatches.',
    labels: ['shard'],
    collect: (set) => {
      for (const shard of shards) set(shard * 10, { shard });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_test_shards',
    help: 'Shards.',
    collect: (set) => set(shards.length),
  });
  await metrics.exposition();
  shards = [2];
  const text = await metrics.exposition();
  expect(text).toContain('shardmux_test_dispatches_total{shard="2"} 20\n');
  expect(text).toContain('shardmux_test_shards 1\n');
  expect(text).not.toContain('shard="1"');
});

it('reads an observed histogram from plain counts', async () => {
  const metrics = createMetrics();
  const counts = new Float64Array([1, 2, 3]);
  metrics.observedHistogram({
    name: 'shardmux_test_hop_seconds',
    help: 'Hop.',
    buckets: [0.1, 0.2],
    read: () => ({ counts, sum: 9 }),
  });
  const samples = (await metrics.exposition())
    .split('\n')
    .filter((line) => line.startsWith('shardmux_test_hop'));
  expect(samples).toEqual([
    'shardmux_test_hop_seconds_bucket{le="0.1"} 1',
    'shardmux_test_hop_seconds_bucket{le="0.2"} 3',
    'shardmux_test_hop_seconds_bucket{le="+Inf"} 6',
    'shardmux_test_hop_seconds_sum 9',
    'shardmux_test_hop_seconds_count 6',
  ]);
});

it('lists what there is for the documentation', async () => {
  const metrics = createMetrics();
  metrics.observedHistogram({
    name: 'shardmux_test_hop_seconds',
    help: 'Hop.',
    buckets: [1],
    read: () => ({ counts: [], sum: 0 }),
  });
  metrics.counter({ name: 'shardmux_test_frames_total', help: 'Frames.', labels: ['shard'] });
  expect(await metrics.descriptions()).toEqual([
    { name: 'shardmux_test_frames_total', type: 'counter', help: 'Frames.', labels: ['shard'] },
    { name: 'shardmux_test_hop_seconds', type: 'histogram', help: 'Hop.', labels: [] },
  ]);
});

it.each([
  'frames_total',
  'shardmux_test_frames',
  'shardmux_Test_frames_total',
])('refuses the counter name %s', (name) => {
  expect(() => createMetrics().counter({ name, help: 'x' })).toThrow(TypeError);
});

it('keeps two registries apart, with the process metrics where asked for', async () => {
  const [own, bare] = [createMetrics({ processMetrics: true }), createMetrics()];
  expect((await own.descriptions()).map(({ name }) => name)).toContain('process_cpu_seconds_total');
  expect(await bare.descriptions()).toEqual([]);
});
