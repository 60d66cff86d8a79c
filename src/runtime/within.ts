import type { Clock } from './clock.ts';

/** Resolves with `promise`, or once `limitMs` have passed without it. */
export async function within(clock: Clock, limitMs: number, promise: Promise<void>): Promise<void> {
  const { promise: limit, resolve } = Promise.withResolvers<void>();
  using _timer = clock.setTimer(resolve, limitMs);
  await Promise.race([promise, limit]);
}
