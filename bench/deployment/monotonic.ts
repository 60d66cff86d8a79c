/**
 * Times that processes of one machine can compare: the system's monotonic clock, which nobody sets. (A process's
 * `performance.timeOrigin` is the wall clock at its start, so two processes differ by what was set in between.)
 */

export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
