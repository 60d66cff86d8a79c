/** Writes encoded events to a socket: as fast as it takes them, or evenly spaced. Honours back-pressure in both. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EncodedEvents, stampEvent } from '../events.ts';
import { monotonicUs } from '../wire.ts';

/** The least bytes of one write of a burst, but for its last. */
const BURST_WRITE_BYTES = 256 * 1024;

/** Linux wakes a sleeper up to this late (prctl(2), PR_SET_TIMERSLACK). */
const TIMER_SLACK_US = 50;

/** The longest sleep, so that heartbeats are answered and a lost connection is noticed. */
const MAX_SLEEP_US = 1_000;

/** Every write ends with a frame, because a heartbeat's ACK may be written to the same socket between two of them. */
export async function sendBurst(socket: Socket, { bytes, ends }: EncodedEvents): Promise<void> {
  let start = 0;
  for (const end of ends) {
    if (end - start < BURST_WRITE_BYTES && end < bytes.length) continue;
    if (!socket.write(bytes.subarray(start, end))) await once(socket, 'drain');
    start = end;
  }
}

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps the thread: timers know only whole milliseconds, and spinning would take a core from those we measure. */
function sleepUntil(timeUs: number): void {
  const leftUs = Math.min(MAX_SLEEP_US, timeUs - TIMER_SLACK_US - monotonicUs());
  if (leftUs > 0) Atomics.wait(neverNotified, 0, 0, leftUs / 1000);
}

/** One write per event at its due time; events that are overdue follow each other at once, one write each. */
export async function sendPaced(
  socket: Socket,
  events: EncodedEvents,
  eventsPerSecond: number,
): Promise<void> {
  const { bytes, ends } = events;
  const intervalUs = 1e6 / eventsPerSecond;
  const startUs = monotonicUs();
  for (let i = 0; i < ends.length; i++) {
    const dueUs = startUs + i * intervalUs;
    while (monotonicUs() < dueUs) {
      sleepUntil(dueUs);
      await nextTurn();
    }
    const end = ends[i] as number;
    stampEvent(bytes, end, monotonicUs());
    const taken = socket.write(bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
    if (!taken) await once(socket, 'drain');
  }
}
