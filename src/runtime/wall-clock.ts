/**
 * The machine's wall clock, for stamps that other machines compare with their own; it may jump. `Clock` does not, and so
 * drifts from it (a machine that was suspended, a clock that was set).
 */
export function wallClockMs(): number {
  return Date.now();
}
