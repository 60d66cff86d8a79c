/** What happens in the demo, in which order, and how long it pauses. Drives the parts through what it is given. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Act {
  /** What happens now, for the reader. */
  readonly now: string;
  /** What happened, for the list of past acts. */
  readonly past: string;
  run(): Promise<void>;
}

export interface StoryOptions {
  /** Told in this order, again and again; each is made when its turn comes. */
  readonly acts: readonly (() => Act)[];
  /** So many from the first on are told even when time is short. */
  readonly obligatory: number;
  /** When to be at the end, as of `performance.now()`. */
  readonly endsAt: number;
  /** Aborts at Ctrl-C: an act that has begun is told to its end. */
  readonly signal: AbortSignal;
  /** Resolves when every shard has caught up. */
  readonly caughtUp: () => Promise<void>;
  readonly onAct: (act: Act) => void;
  readonly onCaughtUp: (act: Act, tookMs: number) => Promise<void>;
}

const LONGEST_PAUSE_MS = 4_000;
const SHORTEST_PAUSE_MS = 1_000;

/** What an act takes until all have caught up, before one has been seen. */
const FIRST_ESTIMATE_MS = 4_000;

export async function tellStory(options: StoryOptions): Promise<void> {
  const { acts, obligatory, endsAt, signal, caughtUp, onAct, onCaughtUp } = options;
  let longestMs = 0;
  for (let told = 0; !signal.aborted; told += 1) {
    const leftMs = endsAt - performance.now();
    const estimateMs = longestMs || FIRST_ESTIMATE_MS;
    if (told >= obligatory && leftMs < LONGEST_PAUSE_MS + 1.5 * estimateMs) {
      await pause(leftMs, signal);
      return;
    }
    await pause(pauseMs(leftMs, Math.max(1, obligatory - told), estimateMs), signal);
    const act = acts[told % acts.length]?.();
    if (signal.aborted || !act) return;
    onAct(act);
    const startedAt = performance.now();
    await act.run();
    await caughtUp();
    const tookMs = performance.now() - startedAt;
    longestMs = Math.max(longestMs, tookMs);
    await onCaughtUp(act, tookMs);
  }
}

/** So that the acts that must be told are spread over the time that is left. */
export function pauseMs(leftMs: number, actsLeft: number, estimateMs: number): number {
  const share = (leftMs - actsLeft * estimateMs) / (actsLeft + 1);
  return Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, share));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
}
