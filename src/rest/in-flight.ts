/** Requests that were let go, and what comes back of them: an answer, or none; some go once more. Runs per request. */
import { Admission, type AdmissionOwner } from './admission.ts';
import type { Answer } from './answer.ts';
import type { Answers } from './answers.ts';
import type { Departures } from './departures.ts';
import type { Entrance } from './entrance.ts';
import type { GlobalPlace } from './global-budget.ts';
import type { LaneTable } from './lane-table.ts';
import type { LimiterCounts } from './limiter-counts.ts';
import type { Locks } from './locks.ts';
import type { LimiterOptions, Submission, Verdict } from './ports.ts';
import type { Waiting } from './waiting.ts';

/** A 429 more than this often for one request is delivered. */
const MAX_ATTEMPTS = 5;

export interface InFlightOptions {
  readonly clock: LimiterOptions['clock'];
  readonly egress: LimiterOptions['egress'];
  readonly table: LaneTable;
  readonly locks: Locks;
  readonly answers: Answers;
  readonly entrance: Entrance;
  readonly departures: Departures;
  readonly counts: LimiterCounts;
}

export class InFlight implements AdmissionOwner {
  readonly #options: InFlightOptions;
  count = 0;

  constructor(options: InFlightOptions) {
    this.#options = options;
  }

  admit(waiting: Waiting, place: GlobalPlace | undefined, nowMs: number): Admission {
    const { locks, counts, egress } = this.#options;
    const { lane } = waiting;
    const admission = new Admission(this, waiting, place, locks.tokenId);
    lane.bucket.charge(lane, admission, nowMs);
    lane.lease.send();
    this.count++;
    egress.inFlight++;
    counts.admitted++;
    waiting.settle('sent', admission);
    return admission;
  }

  done(admission: Admission, answer: Answer): Verdict {
    const { clock, egress, answers, departures, entrance } = this.#options;
    const nowMs = clock.now();
    const { lane, waiting } = admission;
    this.count--;
    egress.inFlight--;
    admission.place?.answered(nowMs);
    const touched = answers.take(admission, answer, nowMs);
    lane.lease.touch();
    for (const bucket of touched) departures.look(bucket, nowMs);
    this.#look(admission, nowMs);
    if (answer.status !== 429 || waiting.attempt >= MAX_ATTEMPTS) return { kind: 'deliver' };
    const atMs = entrance.etaMs(waiting.submitted, lane, nowMs);
    if (atMs > waiting.submitted.deadlineAtMs) return { kind: 'deliver' };
    return { kind: 'retry', afterMs: atMs - nowMs };
  }

  failed(admission: Admission, kind: 'not-sent' | 'unknown'): void {
    const nowMs = this.#options.clock.now();
    const { lane } = admission;
    this.count--;
    this.#options.egress.inFlight--;
    lane.inFlight--;
    for (const { quota } of [lane, ...admission.alsoCharged]) {
      if (kind === 'not-sent') quota.unsend();
      else quota.settle(nowMs);
    }
    if (kind === 'not-sent') lane.hidden.unsend();
    else lane.hidden.accept(admission.sending.sentMs, nowMs);
    if (kind === 'not-sent') admission.place?.unused();
    this.#look(admission, nowMs);
  }

  again({ waiting }: Admission, signal: AbortSignal | undefined): Promise<Submission> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { clock, table, entrance, departures, counts } = this.#options;
    const nowMs = clock.now();
    const { submitted } = waiting;
    const forbidden = entrance.forbids(submitted, nowMs);
    if (forbidden) return Promise.resolve(entrance.count(forbidden));
    const lane = table.lane(submitted.route, nowMs);
    if (!lane) return Promise.resolve(entrance.refuse('too-many-buckets', 1_000, submitted.route));
    const etaMs = entrance.etaMs(submitted, lane, nowMs);
    if (etaMs > submitted.deadlineAtMs) {
      return Promise.resolve(entrance.refuse('deadline', etaMs - submitted.deadlineAtMs, lane.route));
    }
    counts.repeated++;
    const attempt = waiting.attempt + 1;
    const atOnce = departures.goAtOnce(submitted, attempt, lane, nowMs);
    return Promise.resolve(atOnce ?? departures.wait(submitted, attempt, lane, () => signal, nowMs));
  }

  /** There may be room where it was counted: lanes may be in other buckets by now than they were then. */
  #look({ lane, alsoCharged }: Admission, nowMs: number): void {
    const { departures } = this.#options;
    departures.look(lane.bucket, nowMs);
    for (const { bucket } of alsoCharged) if (bucket !== lane.bucket) departures.look(bucket, nowMs);
    departures.pump();
  }
}
