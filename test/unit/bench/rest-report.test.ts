import { describe, expect, it } from 'vitest';
import type { RestMeasurement } from '../../../bench/rest/measure.ts';
import { RestResults, restResults, uploadGoal, uploadResults } from '../../../bench/rest/report.ts';

function measured(
  way: RestMeasurement['way'],
  cpuUsPerRequest: number | null,
  p99Us: number,
): RestMeasurement {
  return { shape: 'post', pace: 'closed', way, cpuUsPerRequest, requestsPerSecond: 1_000, p50Us: 100, p99Us };
}

describe('the results of requests', () => {
  it('are medians over the runs, way by way', () => {
    const runs = [measured('shardmux', 50, 300), measured('direct', null, 100)];
    const others = [measured('shardmux', 70, 200), measured('direct', null, 300)];
    expect(restResults([...runs, ...others])).toEqual([
      measured('shardmux', 60, 250),
      measured('direct', null, 200),
    ]);
  });

  it('tell what is added to the direct way, and the ratio to the pass-through', () => {
    const report = new RestResults([
      measured('direct', null, 150),
      measured('pass-through', 40, 450),
      measured('shardmux', 50, 650),
    ]);
    const [, direct, , shardmux] = report.table().split('\n');
    expect(direct?.split(/\s+/).slice(2)).toEqual(['direct', '1,000', '-', '-', '100', '150', '-', '-']);
    expect(shardmux?.split(/\s+/).slice(2)).toEqual([
      'shardmux',
      '1,000',
      '50.0',
      '1.25',
      '100',
      '650',
      '0',
      '500',
    ]);
  });

  it('meet the goals up to 1.3 times the CPU and 1 ms more, and not beyond', () => {
    const bare = measured('pass-through', 40, 500);
    const goals = (cpu: number, p99Us: number) =>
      new RestResults([bare, measured('shardmux', cpu, p99Us)])
        .goals()
        .map((line) => line.split(': ').at(-1));
    expect(goals(52, 1_500)).toEqual(['met', 'met']);
    expect(goals(53, 1_501)).toEqual(['MISSED', 'MISSED']);
  });
});

describe('the results of uploads', () => {
  it('are the highest peak of all runs', () => {
    const one = { way: 'shardmux', idleMb: 80, peakMb: 150, megabytesPerSecond: 400 } as const;
    const results = uploadResults([one, { ...one, peakMb: 210 }]);
    expect(results).toMatchObject([{ peakMb: 210 }]);
    expect(uploadGoal(results)).toMatch(/210: MISSED$/);
    expect(uploadGoal([one])).toMatch(/150: met$/);
  });
});
