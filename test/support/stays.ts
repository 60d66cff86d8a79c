/**
 * For facts about what does not happen: holds as long as `probe` is true in a window in which the opposite would have shown.
 * Looks all the time, so that a failure comes at once.
 */
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 10;

export async function stays(probe: () => boolean, windowMs: number): Promise<void> {
  const until = performance.now() + windowMs;
  while (performance.now() < until) {
    if (!probe()) throw new Error(`no longer so: ${probe}`);
    await delay(LOOK_EVERY_MS);
  }
}
