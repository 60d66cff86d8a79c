/** How much waits, in all and for each account, and what is too much. Pure. */
import type { Bucket } from './lane.ts';
import type { LimiterLimits, RefusalReason } from './ports.ts';

interface Load {
  count: number;
  bytes: number;
}

/** The part of a bucket's queue that one account may fill: others find room in it. */
const ACCOUNT_PART_OF_BUCKET = 0.5;

/** The last part of the room is kept for accounts that wait for little: the others may fill the rest. */
const PART_FOR_SMALL = 0.1;
/** What of all room is little. */
const SMALL_PART = 0.01;

export class QueueBounds {
  readonly #limits: LimiterLimits;
  /** Only accounts that wait for something. */
  readonly #accounts = new Map<string, Load>();
  count = 0;
  bytes = 0;

  constructor(limits: LimiterLimits) {
    this.#limits = limits;
  }

  refusal(account: string, bytes: number, { queue }: Bucket): RefusalReason | undefined {
    const limits = this.#limits;
    const own = this.#accounts.get(account);
    if (this.#isFull(bytes, own?.count ?? 0)) return 'queue-full';
    if (own && own.count >= limits.maxQueuedPerAccount) return 'account-queue-full';
    if (own && own.bytes + bytes > limits.maxQueuedBytesPerAccount) return 'account-queue-full';
    const ownMost = Math.ceil(limits.maxQueuedPerBucket * ACCOUNT_PART_OF_BUCKET);
    if (queue.count >= ownMost && queue.countOf(account) >= ownMost) return 'bucket-queue-full';
    if (queue.count >= limits.maxQueuedPerBucket) return 'bucket-queue-full';
    // One that is too large by itself may wait alone.
    if (queue.count > 0 && queue.bytes + bytes > limits.maxQueuedBytesPerBucket) return 'bucket-queue-full';
    return undefined;
  }

  #isFull(bytes: number, ownCount: number): boolean {
    const { maxQueued, maxQueuedBytes } = this.#limits;
    if (this.count >= maxQueued || this.bytes + bytes > maxQueuedBytes) return true;
    if (this.count < maxQueued * (1 - PART_FOR_SMALL)) return false;
    return ownCount >= Math.max(1, maxQueued * SMALL_PART);
  }

  *accounts(): Iterable<{ readonly account: string; readonly queued: number; readonly queuedBytes: number }> {
    for (const [account, { count, bytes }] of this.#accounts)
      yield { account, queued: count, queuedBytes: bytes };
  }

  add(account: string, bytes: number): void {
    this.count++;
    this.bytes += bytes;
    const own = this.#accounts.get(account);
    if (own) {
      own.count++;
      own.bytes += bytes;
    } else this.#accounts.set(account, { count: 1, bytes });
  }

  remove(account: string, bytes: number): void {
    this.count--;
    this.bytes -= bytes;
    const own = this.#accounts.get(account);
    if (!own) return;
    own.count--;
    own.bytes -= bytes;
    if (own.count === 0) this.#accounts.delete(account);
  }
}
