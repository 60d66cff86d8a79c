import { abortable } from './abortable.ts';
import type { Clock } from './clock.ts';

/** Rejects with the signal's reason as soon as it aborts, and leaves no timer behind. */
export async function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (ms <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _timer = clock.setTimer(resolve, ms);
  await (signal ? abortable(promise, signal) : promise);
}
