/** The proxy's counts since the start, in plain numbers. */

/** Upper bounds in seconds. */
export const DURATION_BUCKETS_S: readonly number[] = [
  0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];

export class DurationCounts {
  /** One more than there are buckets. */
  readonly counts: number[] = new Array(DURATION_BUCKETS_S.length + 1).fill(0);
  /** Seconds. */
  sum = 0;

  add(ms: number): void {
    const seconds = ms / 1_000;
    let index = 0;
    while (seconds > (DURATION_BUCKETS_S[index] ?? Number.POSITIVE_INFINITY)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
  }
}

/** How requests end other than with an answer. */
export type FailureKind =
  /** The worker went away. */
  | 'worker-gone'
  /** The worker sent or read nothing of a body for too long. */
  | 'worker-stalled'
  /** Discord could not be reached. */
  | 'unreachable'
  /** The connection to Discord broke before an answer. */
  | 'broken'
  /** Discord did not answer in time. */
  | 'silent'
  /** The connection to Discord broke in the middle of an answer. */
  | 'cut'
  /** What the worker sent was no request that can be forwarded. */
  | 'malformed';

export class ProxyCounts {
  readonly queueDurations = new DurationCounts();
  readonly upstreamDurations = new DurationCounts();
  readonly failures: Partial<Record<FailureKind, number>> = {};
  /** By `<method> <route template>`, then by class of status (2 for 2xx). */
  readonly #answers = new Map<string, number[]>();
  inFlight = 0;
  /** Of bodies, to Discord and to workers. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Sent a second time because the connection broke. */
  resent = 0;

  /** `route` is of a bounded set. Runs per request. */
  answered(route: string, status: number): void {
    let classes = this.#answers.get(route);
    if (!classes) {
      classes = [0, 0, 0, 0, 0, 0];
      this.#answers.set(route, classes);
    }
    const at = Math.floor(status / 100);
    classes[at] = (classes[at] ?? 0) + 1;
  }

  failed(kind: FailureKind): void {
    this.failures[kind] = (this.failures[kind] ?? 0) + 1;
  }

  *answers(): Iterable<{ readonly route: string; readonly status: string; readonly count: number }> {
    for (const [route, classes] of this.#answers) {
      for (const [at, count] of classes.entries()) if (count > 0) yield { route, status: `${at}xx`, count };
    }
  }
}
