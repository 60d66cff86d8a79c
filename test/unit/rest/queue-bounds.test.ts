import { describe, expect, it } from 'vitest';
import { admitted, now, Stage } from './stage.ts';

const HOUR_MS = 3_600_000;

/** Bounds of all requests that wait; all others are out of the way. */
function crowd(limits: { maxQueued?: number; maxQueuedBytes?: number }): Stage {
  return new Stage({
    globalLimit: 1,
    limits: { maxQueuedPerAccount: 10_000, maxDeadlineMs: HOUR_MS, ...limits },
  });
}

async function fill(stage: Stage, account: string, count: number): Promise<string | undefined> {
  let last: string | undefined;
  for (let one = 0; one < count; one++) {
    last = await now(
      Promise.resolve(stage.ask(`GET /channels/${one}/messages`, { account, deadlineMs: HOUR_MS })),
    );
  }
  return last;
}

describe('the room for requests that wait', () => {
  it('has a tenth that accounts find that wait for little, whoever fills the rest', async () => {
    const stage = crowd({ maxQueued: 1_000 });
    admitted(await stage.ask('GET /gateway'));
    expect(await fill(stage, 'hog', 900)).toBe('waiting');
    expect(await fill(stage, 'hog', 1)).toBe('queue-full');
    expect(await fill(stage, 'newcomer', 10)).toBe('waiting');
    expect(await fill(stage, 'newcomer', 1)).toBe('queue-full');
    expect(await fill(stage, 'another', 10)).toBe('waiting');
    expect(stage.limiter.readings().queued).toBe(920);
  });

  it('ends where they take too much memory together', async () => {
    const stage = crowd({ maxQueuedBytes: 1_000 });
    admitted(await stage.ask('GET /gateway'));
    expect(await fill(stage, 'a', 10)).toBe('waiting');
    expect(await fill(stage, 'b', 1)).toBe('queue-full');
  });
});
