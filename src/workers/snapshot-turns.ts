/**
 * Lets all sessions of a node that are being sent guilds take turns, a guild each, and everything else have its turn in
 * between: live dispatches, heartbeats. What a step does is snapshot-stream.ts.
 */
import type { Clock } from '../runtime/clock.ts';
import { yieldToEvents } from '../runtime/yield-to-events.ts';

/** For so long the event loop does nothing else; a step that was begun is finished. Live dispatches are late by it at most. */
const MAX_TURN_MS = 2;

export interface Steps {
  /** Does a little. Whether there is more to do at once; otherwise it is added again when there is. */
  step(): boolean;
}

export class SnapshotTurns {
  readonly #clock: Clock;
  /** In the order of their turns. */
  readonly #queue = new Set<Steps>();
  #isRunning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Its turn comes later, never while this runs. One that has its turn already keeps it. */
  add(steps: Steps): void {
    this.#queue.add(steps);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** It gets no turn any more. */
  delete(steps: Steps): void {
    this.#queue.delete(steps);
  }

  async #run(): Promise<void> {
    while (this.#queue.size > 0) {
      await yieldToEvents();
      this.#takeTurns();
    }
    this.#isRunning = false;
  }

  #takeTurns(): void {
    const endsAtMs = this.#clock.now() + MAX_TURN_MS;
    // A Set visits what is added meanwhile, too: round and round, until all are done or the time is over.
    for (const steps of this.#queue) {
      this.#queue.delete(steps);
      if (steps.step()) this.#queue.add(steps);
      if (this.#clock.now() >= endsAtMs) return;
    }
  }
}
