/**
 * Carries a plan out, fault by fault at its time. Where one takes longer than planned, those that must not go on at the same time
 * wait for it, and keep their order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, MAX_AT_ONCE, mayOverlap, recoveredAtMs } from './plan.ts';

const LOOK_EVERY_MS = 20;

export interface ScheduleOptions {
  readonly plan: readonly Fault[];
  readonly carryOut: (fault: Fault) => Promise<void>;
  readonly onBegin: (fault: Fault) => void;
  /** The part is as before; its recovery follows. */
  readonly onOver: (fault: Fault) => void;
  /** Aborts to begin no more faults. */
  readonly signal: AbortSignal;
}

/** Resolves when the last one is over. @throws where one could not be carried out. */
export async function runSchedule(options: ScheduleOptions): Promise<void> {
  const { plan, signal } = options;
  const startedAt = performance.now();
  const goingOn = new Set<Fault>();
  const running: Promise<void>[] = [];
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Raced below.
  for (const fault of plan) {
    await Promise.race([failed.promise, pause(startedAt + fault.atMs - performance.now(), signal)]);
    while (!signal.aborted && !mayBegin(fault, goingOn))
      await Promise.race([failed.promise, sleep(LOOK_EVERY_MS)]);
    if (signal.aborted) break;
    const one = runOne(fault, goingOn, options);
    one.catch(failed.reject);
    running.push(one);
  }
  await Promise.all(running);
}

function mayBegin(fault: Fault, goingOn: ReadonlySet<Fault>): boolean {
  return goingOn.size < MAX_AT_ONCE && [...goingOn].every((other) => mayOverlap(fault, other));
}

async function runOne(fault: Fault, goingOn: Set<Fault>, options: ScheduleOptions): Promise<void> {
  const { carryOut, onBegin, onOver, signal } = options;
  goingOn.add(fault);
  onBegin(fault);
  await carryOut(fault);
  onOver(fault);
  await pause(recoveredAtMs(fault) - fault.atMs - fault.forMs, signal);
  goingOn.delete(fault);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
}
