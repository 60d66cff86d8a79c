/**
 * Planned moves of shards from this node to others, a bounded number at a time: offer → close and write the tail → pass the lease
 * → wait until the new owner serves → drop. Each wait for the other node has a limit, because a message may get lost: then
 * the move goes on without it, and is only slower for the workers.
 */
import { abortable } from '../runtime/abortable.ts';
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/sleep.ts';
import { within } from '../runtime/within.ts';
import type { ClusterMessage, Lease, Member, Membership } from './ports.ts';
import type { OwnershipLog, ShardHolder } from './shard-holder.ts';

export interface MovesOptions {
  readonly membership: Membership;
  readonly holder: ShardHolder;
  readonly clock: Clock;
  readonly maxParallelMoves: number;
  readonly log: OwnershipLog;
  /** Whether the other node is still there and takes shards, and has renewed since (ms of the clock), where that is given. */
  readonly canTake: (to: Member, renewedSinceMs?: number) => boolean;
  /** The lease is the other's now. */
  readonly onMoved: (shardId: number) => void;
  /** It could not be passed on, and is held as before. */
  readonly onStayed: (shardId: number, epoch: number) => void;
  /** It was another's already. */
  readonly onLost: (shardId: number) => void;
  /** Its workers may go. */
  readonly onDone: (shardId: number) => void;
}

/** For the other node to read the tail: some hundred ms where it is full. */
const PREPARE_TIMEOUT_MS = 2_000;

/** For the other node to RESUME and to teach the HAProxies. */
const TAUGHT_TIMEOUT_MS = 3_000;

/** After a move that failed: whatever was in the way may need a moment. */
const FAILURE_PAUSE_MS = 2_000;

/** How often who waits for moves looks whether there are any by now. */
const LOOK_AGAIN_MS = 100;

type Answer = Extract<ClusterMessage, { kind: 'prepared' | 'taught' }>;

export class Moves implements Disposable {
  readonly counts = { moved: 0, failed: 0 };
  /** From the end of the upstream connection here until the other node serves. Called once a move. Unit: ms. */
  onDuration: (ms: number) => void = () => undefined;
  readonly #options: MovesOptions;
  readonly #running = new Map<number, Promise<void>>();
  readonly #cancelled = new Set<number>();
  /** Of those that run: the lease is being passed, or was. */
  readonly #passing = new Set<number>();
  readonly #waiting = new Map<string, () => void>();
  #pausedUntilMs = 0;
  #isClosed = false;

  constructor(options: MovesOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running.size;
  }

  isRunning(shardId: number): boolean {
    return this.#running.has(shardId);
  }

  get hasRoom(): boolean {
    const isPaused = this.#options.clock.now() < this.#pausedUntilMs;
    return this.#running.size < this.#options.maxParallelMoves && !isPaused && !this.#isClosed;
  }

  start(shardId: number, epoch: number, to: Member): void {
    const move = this.#move(shardId, epoch, to).finally(() => {
      this.#running.delete(shardId);
      this.#cancelled.delete(shardId);
      this.#passing.delete(shardId);
    });
    this.#running.set(shardId, move);
  }

  /** The lease is gone: what is left of the move is not to be done. */
  cancel(shardId: number): void {
    if (this.#running.has(shardId)) this.#cancelled.add(shardId);
  }

  /** Whether the store was asked to pass the lease on: then its answer to that says whose the shard is, and no other. */
  isPassing(shardId: number): boolean {
    return this.#passing.has(shardId);
  }

  onAnswer({ kind, shardId, from }: Answer): void {
    this.#waiting.get(`${kind} ${shardId} ${from}`)?.();
  }

  /** Resolves when one that runs is over, a pause has passed, or `signal` aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    const settled =
      this.#running.size > 0
        ? abortable(Promise.race(this.#running.values()), signal)
        : sleep(this.#options.clock, LOOK_AGAIN_MS, signal);
    await settled.catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const goOn of this.#waiting.values()) goOn();
  }

  async #move(shardId: number, epoch: number, to: Member): Promise<void> {
    const { canTake, onDone, log, clock } = this.#options;
    const offeredAtMs = clock.now();
    const isPrepared = await this.#offer(shardId, to);
    // Still connected, so it is as if nothing had happened.
    if (this.#isClosed || this.#cancelled.has(shardId)) return;
    // It takes more than a lost message to keep a shard here, but a node without a sign of life gets none.
    if (!canTake(to, isPrepared ? undefined : offeredAtMs)) return this.#stay(shardId, epoch);
    const suspendedAtMs = clock.now();
    const lease = await this.#pass(shardId, epoch, to);
    if (!lease) return;
    await this.#tellPassed(lease, to);
    this.counts.moved++;
    this.onDuration(clock.now() - suspendedAtMs);
    log.info({ shard: shardId, to: to.nodeId, epoch: lease.epoch }, 'a shard was handed over');
    if (!this.#cancelled.has(shardId)) onDone(shardId);
  }

  /** Resolves with whether the other node has read the tail, as far as it has said so in time. */
  async #offer(shardId: number, to: Member): Promise<boolean> {
    const prepared = this.#answer('prepared', shardId, to.nodeId, PREPARE_TIMEOUT_MS);
    await this.#tell({ from: this.#nodeId, kind: 'offer', shardId, to: to.nodeId });
    return prepared;
  }

  /** Closes the connection here, and makes the lease the other's; `undefined` where nothing came of that. */
  async #pass(shardId: number, epoch: number, to: Member): Promise<Lease | undefined> {
    const { membership, holder, onMoved, onLost, log } = this.#options;
    const isWritten = await holder.suspend(shardId);
    if (this.#cancelled.has(shardId)) return undefined;
    this.#passing.add(shardId);
    const lease = isWritten
      ? await membership.pass(shardId, epoch, to).catch((error: unknown) => error as Error)
      : new Error('its tail can not be written');
    if (this.#cancelled.has(shardId)) return undefined;
    if (lease instanceof Error) {
      this.counts.failed++;
      log.warn({ shard: shardId, to: to.nodeId, reason: lease.message }, 'a shard could not be handed over');
      this.#stay(shardId, epoch);
      holder.resume(shardId);
      return undefined;
    }
    if (!lease) {
      onLost(shardId);
      return undefined;
    }
    holder.leave(shardId);
    onMoved(shardId);
    return lease;
  }

  /** Resolves when workers find the shard at the other node, as far as it has said so in time. */
  async #tellPassed({ shardId, epoch }: Lease, { nodeId: to, incarnation }: Member): Promise<void> {
    const taught = this.#answer('taught', shardId, to, TAUGHT_TIMEOUT_MS);
    await this.#tell({ from: this.#nodeId, kind: 'passed', shardId, to, incarnation, epoch });
    await taught;
  }

  get #nodeId(): string {
    return this.#options.membership.identity.nodeId;
  }

  /** It may get lost. */
  #tell(message: ClusterMessage): Promise<void> {
    return this.#options.membership.publish(message).catch(() => undefined);
  }

  /** The shard stays for now; whatever was in the way may need a moment. */
  #stay(shardId: number, epoch: number): void {
    this.#pausedUntilMs = this.#options.clock.now() + FAILURE_PAUSE_MS;
    this.#options.onStayed(shardId, epoch);
  }

  /** Resolves with whether the other node's word came in time. */
  async #answer(kind: Answer['kind'], shardId: number, from: string, timeoutMs: number): Promise<boolean> {
    const key = `${kind} ${shardId} ${from}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    let hasCome = false;
    this.#waiting.set(key, () => {
      hasCome = true;
      resolve();
    });
    await within(this.#options.clock, timeoutMs, promise);
    this.#waiting.delete(key);
    return hasCome;
  }
}
