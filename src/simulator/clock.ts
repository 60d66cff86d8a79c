/** The simulator's two clocks. */

/** Milliseconds that never go back; for windows and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}

/** Microseconds since 1970, comparable between processes of one machine. */
export function epochUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
