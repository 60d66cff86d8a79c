/** Waits for something to become true, instead of sleeping for a time in which it might have. */

/** How often it looks. */
const LOOK_EVERY_MS = 5;

/**
 * Calls `attempt` until it neither throws nor returns false, null or undefined, and resolves with what it returned. Rejects with the
 * last failure after `deadlineMs`.
 */
export async function eventually<Outcome>(
  attempt: () => Outcome | Promise<Outcome>,
  deadlineMs = 5_000,
): Promise<NonNullable<Exclude<Outcome, false>>> {
  const endsAt = performance.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const outcome = await attempt();
      // The reason for the cast: the compiler can't follow these three exclusions on a type parameter.
      if (outcome !== false && outcome !== null && outcome !== undefined) {
        return outcome as NonNullable<Exclude<Outcome, false>>;
      }
      failure = new Error(`still ${String(outcome)} after ${deadlineMs} ms: ${attempt.toString()}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= endsAt) throw failure;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
