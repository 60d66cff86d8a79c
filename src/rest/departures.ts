/**
 * Requests that wait, and what lets them go: a bucket that has room offers its next request to a gate, and the gate takes
 * it when the wider limit has room too. Runs per request.
 */
import type { Admission } from './admission.ts';
import type { AlarmClock } from './alarm-clock.ts';
import type { Entrance, Gates } from './entrance.ts';
import type { GlobalPlace } from './global-budget.ts';
import type { Bucket, BucketOffer, Lane } from './lane.ts';
import type { LimiterCounts } from './limiter-counts.ts';
import type { LimiterOptions, RefusalReason, Submission } from './ports.ts';
import type { QueueBounds } from './queue-bounds.ts';
import { type Submitted, Waiting } from './waiting.ts';

/** A bucket that has no room is not looked at again sooner, whatever it says. */
const MIN_WAKE_MS = 0.5;

export interface DeparturesOptions {
  readonly clock: LimiterOptions['clock'];
  readonly egress: LimiterOptions['egress'];
  readonly alarms: AlarmClock;
  readonly gates: Gates;
  readonly entrance: Entrance;
  readonly bounds: QueueBounds;
  readonly counts: LimiterCounts;
  /** It goes now: whoever asked is to be told. */
  readonly admit: (waiting: Waiting, place: GlobalPlace | undefined, nowMs: number) => Admission;
}

export class Departures {
  readonly #options: DeparturesOptions;
  #isPumping = false;
  readonly #loadOf = ({ submitted, account, priority }: Waiting): number =>
    this.#options.gates[submitted.route.global].countOf(account, priority);

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** Whether it goes because nobody waits before it and no limit is against it, which is the usual case. */
  goAtOnce(submitted: Submitted, attempt: number, lane: Lane, nowMs: number): Admission | undefined {
    if (lane.bucket.queue.count > 0 || !lane.hasRoom(nowMs)) return undefined;
    const { gates, egress, admit } = this.#options;
    const place = gates[submitted.route.global].pass(nowMs, egress.blockedUntilMs);
    return place && admit(new Waiting(submitted, attempt, lane), place, nowMs);
  }

  /**
   * Puts it behind the others. Its outcome where that is known at once; else a promise of it, which rejects with the signal's reason. The
   * signal is asked for only where there is something to wait for.
   */
  wait(
    submitted: Submitted,
    attempt: number,
    lane: Lane,
    signalOf: () => AbortSignal | undefined,
    nowMs: number,
  ): Submission | Promise<Submission> {
    const waiting = new Waiting(submitted, attempt, lane);
    this.#queue(waiting, nowMs);
    if (waiting.outcome) return waiting.outcome;
    const promise = waiting.promise();
    const signal = signalOf();
    signal && waiting.listen(signal, () => this.#leave(waiting, signal.reason));
    this.#setDeadline(waiting);
    return promise;
  }

  /** By itself, so that an alarm that is not meant any more keeps nothing of its request but `waiting`. */
  #setDeadline(waiting: Waiting): void {
    this.#options.alarms.add({
      atMs: waiting.submitted.deadlineAtMs,
      isMeant: () => waiting.state === 'waiting',
      ring: () => this.#expire(waiting),
    });
  }

  #queue(waiting: Waiting, nowMs: number): void {
    const { lane, attempt, submitted } = waiting;
    const { queue } = lane.bucket;
    if (attempt === 1) queue.push(waiting);
    else queue.pushFirst(waiting);
    lane.queued++;
    this.#options.bounds.add(submitted.account, submitted.bytes);
    this.look(lane.bucket, nowMs);
    this.pump();
  }

  /** Offers what the bucket would send next, or sees to it that it is looked at again. */
  look(bucket: Bucket, nowMs: number): void {
    const candidate = bucket.queue.count === 0 ? undefined : bucket.peek(nowMs, this.#loadOf);
    if (candidate && bucket.keepsOffer(candidate)) return;
    bucket.withdraw();
    if (candidate) {
      const { account, priority } = candidate;
      bucket.offer = { account, priority, bucket, waiting: candidate, isOpen: true };
      this.#options.gates[candidate.submitted.route.global].add(bucket.offer);
    } else if (bucket.queue.count > 0) this.#wakeLater(bucket, nowMs);
  }

  /** Lets go whatever may. */
  pump(): void {
    const { clock, gates, egress } = this.#options;
    const { exempt, application, address, user } = gates;
    if (this.#isPumping) return;
    if (exempt.isEmpty && application.isEmpty && address.isEmpty && user.isEmpty) return;
    this.#isPumping = true;
    const nowMs = clock.now();
    const { blockedUntilMs } = egress;
    const go = (offer: BucketOffer, place: GlobalPlace | undefined) => this.#go(offer, place, nowMs);
    exempt.letGo(nowMs, blockedUntilMs, go);
    application.letGo(nowMs, blockedUntilMs, go);
    address.letGo(nowMs, blockedUntilMs, go);
    user.letGo(nowMs, blockedUntilMs, go);
    this.#isPumping = false;
  }

  /** Refuses all that waits. */
  close(buckets: Iterable<Bucket>): void {
    for (const bucket of [...buckets]) {
      bucket.withdraw();
      for (const lane of [...bucket.lanes]) {
        for (const waiting of bucket.queue.drain(lane)) {
          this.#unqueue(waiting);
          this.#refuse(waiting, 'closed', undefined);
        }
      }
    }
  }

  #wakeLater(bucket: Bucket, nowMs: number): void {
    const atMs = Math.max(nowMs + MIN_WAKE_MS, bucket.nextRoomAtMs(nowMs));
    if (bucket.wakeAtMs === atMs) return;
    bucket.wakeAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const { alarms, clock } = this.#options;
    alarms.add({
      atMs,
      isMeant: () => bucket.wakeAtMs === atMs,
      ring: () => {
        bucket.wakeAtMs = Number.POSITIVE_INFINITY;
        this.look(bucket, clock.now());
        this.pump();
      },
    });
  }

  #go({ bucket, waiting }: BucketOffer, place: GlobalPlace | undefined, nowMs: number): void {
    bucket.offer = undefined;
    if (waiting.state !== 'waiting' || !waiting.lane.hasRoom(nowMs)) place?.unused();
    else {
      const { entrance, admit } = this.#options;
      const forbidden = entrance.forbids(waiting.submitted, nowMs);
      bucket.queue.take(waiting);
      this.#unqueue(waiting);
      if (forbidden) {
        place?.unused();
        waiting.settle('left', entrance.count(forbidden));
      } else admit(waiting, place, nowMs);
    }
    this.look(bucket, nowMs);
  }

  /** The worker went away. */
  #leave(waiting: Waiting, reason: unknown): void {
    if (waiting.state !== 'waiting') return;
    this.#options.counts.left++;
    waiting.fail(reason);
    this.#dequeue(waiting);
  }

  #expire(waiting: Waiting): void {
    const { clock, entrance } = this.#options;
    const nowMs = clock.now();
    const { submitted, lane } = waiting;
    const etaMs = Math.max(entrance.etaMs(submitted, lane, nowMs), entrance.turnMs(submitted, lane, nowMs));
    this.#refuse(waiting, 'deadline', Math.max(1_000, etaMs - nowMs));
    this.#dequeue(waiting);
  }

  #refuse(waiting: Waiting, reason: RefusalReason, retryAfterMs: number | undefined): void {
    waiting.settle('left', this.#options.entrance.refuse(reason, retryAfterMs, waiting.lane.route));
  }

  #dequeue(waiting: Waiting): void {
    const { bucket } = waiting.lane;
    bucket.queue.noteLeft(waiting);
    this.#unqueue(waiting);
    this.look(bucket, this.#options.clock.now());
    this.pump();
  }

  #unqueue({ lane, submitted }: Waiting): void {
    lane.queued--;
    this.#options.bounds.remove(submitted.account, submitted.bytes);
  }
}
