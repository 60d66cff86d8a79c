/**
 * Loaded before the simulator and the node (`--import`), whose own code knows nothing of us. Prints how this process's
 * epoch time differs from the monotonic clock, so that its times can be compared with another's; and ends the process
 * when whoever started it is gone (its end of stdin closes), so that nothing is left behind even when that was killed.
 */
import { monotonicUs } from './monotonic.ts';

/** The first readings of a process can be milliseconds apart (code is still being compiled); the largest is the closest. */
const READINGS = 20;

/** The way the simulator takes its times. */
const epochUs = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const differencesUs = Array.from({ length: READINGS }, () => epochUs() - monotonicUs());
process.stdout.write(
  `${JSON.stringify({ msg: 'clock', epochMinusMonotonicUs: Math.max(...differencesUs) })}\n`,
);

process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.resume();
// A pipe is a socket to Node, and only must not keep the process alive.
(process.stdin as unknown as { unref(): void }).unref();
