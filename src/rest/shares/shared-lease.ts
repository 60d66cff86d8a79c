/** One major parameter, as a node sees whose it is. What becomes of it is decided in `shared-majors.ts`. */
import type { Lane } from '../lane.ts';
import type { MajorLease } from './lease.ts';

/**
 * `asked`: of the store. `held`: requests go. `leaving`: they go until nothing waits, or for a while; then it is given back.
 * `free`: nobody's, as far as we know.
 */
export type LeaseState = 'free' | 'asked' | 'held' | 'leaving';

export interface LeaseOwner {
  /** Until when what is held is. */
  readonly endsMs: number;
  want(lease: SharedLease): void;
  touch(lease: SharedLease): void;
  /** Its last lane is gone. */
  abandon(lease: SharedLease): void;
}

export class SharedLease implements MajorLease {
  readonly major: string;
  readonly lanes = new Set<Lane>();
  readonly #majors: LeaseOwner;
  state: LeaseState = 'free';
  sinceMs = Number.POSITIVE_INFINITY;
  doubtedUntilMs = 0;
  /** While it is leaving: until when requests may go, and how many. */
  drainsUntilMs = 0;
  toSend = 0;
  /** Whether the store has been asked for it. */
  isTold = false;
  /** It was ours, and is asked for again. */
  isConfirming = false;

  constructor(majors: LeaseOwner, major: string) {
    this.#majors = majors;
    this.major = major;
  }

  mayGo(nowMs: number): boolean {
    if (nowMs >= this.#majors.endsMs) return false;
    if (this.state === 'held') return true;
    return this.state === 'leaving' && this.toSend > 0 && nowMs < this.drainsUntilMs;
  }

  want(): void {
    this.#majors.want(this);
  }

  touch(): void {
    this.#majors.touch(this);
  }

  send(): void {
    if (this.state === 'leaving') this.toSend--;
    this.touch();
  }

  join(lane: Lane): void {
    this.lanes.add(lane);
  }

  part(lane: Lane): void {
    this.lanes.delete(lane);
    if (this.lanes.size === 0) this.#majors.abandon(this);
  }

  isIdle(nowMs: number): boolean {
    for (const lane of this.lanes) if (!lane.isIdle(nowMs)) return false;
    return true;
  }
}
