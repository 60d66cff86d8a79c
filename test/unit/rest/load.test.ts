import { describe, expect, it } from 'vitest';
import { now, Stage } from './stage.ts';

describe('100,000 requests that wait', () => {
  it('are bounded in number and memory, and leave nothing when they go', async () => {
    const stage = new Stage({ limits: { maxQueuedPerAccount: 100_000, maxDeadlineMs: 3_600_000 } });
    const before = process.memoryUsage().heapUsed;
    const outcomes: Promise<unknown>[] = [];
    for (let one = 0; one < 100_100; one++) {
      const path = `POST /channels/${1_000 + (one % 500)}/messages`;
      const asked = stage.ask(path, { account: `account ${one % 200}`, deadlineMs: 3_600_000 });
      outcomes.push(asked);
    }
    const { queued, admitted, queuedBytes } = stage.limiter.readings();
    expect({ queued, admitted, queuedBytes }).toEqual({
      queued: 100_000,
      admitted: 50,
      queuedBytes: 10_000_000,
    });
    expect(await now(stage.ask('GET /gateway'))).toBe('queue-full');
    // What need not wait takes no room.
    expect(await now(stage.ask('POST /interactions/5/token/callback'))).toBe('admitted');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(250 * 1024 * 1024);
    stage.limiter[Symbol.dispose]();
    // The first request of each of 50 lanes went.
    const ends = (await Promise.all(outcomes)).filter((end) => end !== undefined);
    expect(ends).toHaveLength(100_100);
    expect(stage.clock.pendingTimers).toBe(0);
  });
});
