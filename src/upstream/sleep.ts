import { abortable } from '../runtime/abortable.ts';
import type { Clock } from '../runtime/clock.ts';

/** Rejects with the signal's reason as soon as it aborts, and leaves no timer behind. */
export async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (ms <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, ms);
  await abortable(promise, signal).finally(() => timer[Symbol.dispose]());
}
