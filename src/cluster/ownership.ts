/**
 * Which shards of an application this node holds. Renews the membership, follows the plan that every node computes from the same
 * view, takes what is free and ours, and moves what is ours no longer. What holding a shard means is its holder's business.
 *
 * Invariant: what changed here while a renewal was on its way is not judged by its answer, which may be older.
 */
import { reasonOf } from '../runtime/reason-of.ts';
import { assign, takesShards } from './assignment.ts';
import { Contact } from './contact.ts';
import { type Holding, Holdings } from './holdings.ts';
import { LostWrites } from './lost-writes.ts';
import { Moves } from './moves.ts';
import type { OwnershipOptions } from './ownership-options.ts';
import {
  type ClusterMessage,
  ClusterStoreError,
  type ClusterView,
  type Lease,
  type Member,
  type Renewal,
} from './ports.ts';
import { Rounds } from './rounds.ts';
import {
  firstLapseMs,
  hasSteadyMember,
  isHolder,
  isSameProcess,
  liveHolders,
  ownerElsewhere,
  takeable,
  withLeases,
} from './view.ts';

/** Added to the time at which a member lapses: the store must agree that it has. */
const LAPSE_MARGIN_MS = 15;

/** Pause after a renewal that failed; the store's client tries to connect by itself meanwhile. */
const RETRY_MS = 250;

/** Renewals in a row that may fail before a node that drains gives up: then its leases lapse. */
const MAX_DRAIN_FAILURES = 5;

export class Ownership implements AsyncDisposable {
  readonly contact: Contact;
  /** Plain counts since the start, read by metrics. */
  readonly counts = { acquired: 0, lapsedTaken: 0, lost: 0, failedRenewals: 0 };
  readonly moves: Moves;
  readonly #options: OwnershipOptions;
  readonly #holdings: Holdings;
  readonly #subscription: Disposable;
  readonly #lostWrites: LostWrites;
  #view: ClusterView = { members: [], leases: new Map() };
  /** When the view was asked for. */
  #viewAtMs = 0;
  #plan: ReadonlyMap<number, string> = new Map();
  readonly #rounds: Rounds;
  #isClosed = false;

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.contact = new Contact(options);
    this.#lostWrites = new LostWrites(options);
    this.#holdings = new Holdings(options.holder);
    this.moves = new Moves({
      ...options,
      canTake: (to, renewedSinceMs) => this.#canTake(to, renewedSinceMs),
      onMoved: (shardId) => this.#onMoved(shardId),
      onStayed: (shardId, epoch) => this.#holdings.set(shardId, { kind: 'held', epoch }),
      onLost: (shardId) => this.#lose(shardId),
      onDone: (shardId) => this.#onDone(shardId),
    });
    this.#rounds = new Rounds({
      clock: options.clock,
      round: () => this.#renew(),
      pauseMs: () => this.#pauseMs(),
    });
    this.#subscription = options.membership.subscribe((message) => this.#onMessage(message));
  }

  get nodeId(): string {
    return this.#options.membership.identity.nodeId;
  }

  get view(): ClusterView {
    return this.#view;
  }

  get holdings(): ReadonlyMap<number, Holding> {
    return this.#holdings.all;
  }

  /** Shards whose lease is ours, with its epoch. */
  get held(): ReadonlyMap<number, number> {
    return this.#holdings.held;
  }

  /** How many shards the plan gives to this node; `undefined` before the first view. */
  get planned(): number | undefined {
    if (this.#view.members.length === 0) return undefined;
    let planned = 0;
    for (const owner of this.#plan.values()) if (owner === this.nodeId) planned++;
    return planned;
  }

  /** How many shards no living node holds; `undefined` before the first view. */
  get ownerless(): number | undefined {
    if (this.#view.members.length === 0) return undefined;
    return this.#options.shardCount - liveHolders(this.#view).size;
  }

  /** The live node that holds a shard, where that is another one. */
  ownerElsewhere(shardId: number): Member | undefined {
    return ownerElsewhere(this.#view, shardId, this.nodeId);
  }

  start(): void {
    void this.#rounds.run();
  }

  /** Renews now, and resolves when that is over, however it went. */
  renewNow(): Promise<void> {
    return this.#rounds.run();
  }

  /** Another node says that it holds a shard that we hold a doubtful lease of. Workers that come for it are sent on to there. */
  concede(lease: Lease): void {
    this.#note(lease);
    if (this.holdings.get(lease.shardId)?.kind !== 'left') this.#lose(lease.shardId);
    this.#options.onView();
  }

  /** Resolves when all shards are gone, nobody is there to take more, or `signal` aborts. `state().isDraining` is true by now. */
  async drain(signal: AbortSignal): Promise<void> {
    let failures = 0;
    for (let round = 1; ; round++) {
      await this.renewNow();
      // Nobody is to begin to hand shards over to us.
      if (round === 1) this.#tell({ from: this.nodeId, kind: 'changed' });
      const hasTaker = this.#view.members.some(
        (member) => takesShards(member) && member.nodeId !== this.nodeId,
      );
      if (signal.aborted || this.holdings.size === 0 || !hasTaker) return;
      failures = this.contact.isUp ? 0 : failures + 1;
      if (failures > MAX_DRAIN_FAILURES) return;
      await this.moves.settled(signal);
    }
  }

  /** Stops. Leases are kept: `membership.leave` gives them back when their shards are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#subscription[Symbol.dispose]();
    this.moves[Symbol.dispose]();
    await this.#rounds[Symbol.asyncDispose]();
  }

  #pauseMs(): number {
    const { clock, renewIntervalMs } = this.#options;
    if (!this.contact.isUp) return RETRY_MS;
    const lapseMs = firstLapseMs(this.#view, this.nodeId) + LAPSE_MARGIN_MS;
    const mayTakeMs = (this.contact.steadyAtMs ?? 0) - clock.now();
    return Math.min(renewIntervalMs, lapseMs, mayTakeMs > 0 ? mayTakeMs : renewIntervalMs);
  }

  async #renew(): Promise<void> {
    const { membership, state, clock, log, onReplaced, onRefused } = this.#options;
    const sentAtMs = clock.now();
    this.#holdings.untouch();
    const { held } = this;
    try {
      const isSteady = this.contact.isSteady(sentAtMs);
      const renewal = await membership.renew({ ...state(), isSteady }, held);
      if (this.#isClosed) return;
      if (renewal.kind === 'replaced') return this.#end(() => onReplaced(renewal.by));
      const { hadLapsed } = renewal;
      if (!this.contact.isUp && this.counts.failedRenewals > 0)
        log.info({ hadLapsed }, 'the leases are renewed again');
      this.contact.renewed(sentAtMs, hadLapsed);
      this.#viewAtMs = sentAtMs;
      if (renewal.wasForgotten) this.#onForgotten();
      await this.#apply(renewal);
    } catch (error) {
      if (error instanceof ClusterStoreError) return this.#end(() => onRefused?.(error.message));
      this.counts.failedRenewals++;
      if (this.contact.isUp) log.warn({ reason: reasonOf(error) }, 'the leases can not be renewed');
      this.contact.failed();
    }
  }

  #onForgotten(): void {
    const { log, holder } = this.#options;
    log.warn({}, 'the store has lost its data: telling it what is held here, and writing the tails anew');
    holder.rewriteTails();
  }

  async #apply({ view, lost }: Extract<Renewal, { kind: 'renewed' }>): Promise<void> {
    const { membership, applicationId, shardCount, onView } = this.#options;
    const newer = [...this.#holdings.touched].flatMap((shardId) => this.#view.leases.get(shardId) ?? []);
    this.#view = withLeases(view, [...this.#lostWrites.leases(this.#view, view), ...newer]);
    for (const shardId of lost) if (!this.#isInMotion(shardId)) this.#lose(shardId);
    for (const lease of this.#view.leases.values())
      if (isHolder(lease, membership.identity) && !this.#holdings.touched.has(lease.shardId))
        this.#take(lease);
    const { members } = this.#view;
    this.#plan = assign({ shardCount, members, current: liveHolders(this.#view), salt: applicationId });
    onView();
    await this.#acquire();
    this.#startMoves();
  }

  /** What the answer to a renewal says of the shard may be older than what is known here, or will be in a moment. */
  #isInMotion(shardId: number): boolean {
    return this.#holdings.touched.has(shardId) || this.moves.isPassing(shardId);
  }

  /** Takes what the plan gives us and nobody who lives holds. */
  async #acquire(): Promise<void> {
    const { membership, clock } = this.#options;
    const { nodeId } = this;
    // A node that has only just come takes the word of one that has been there.
    const isSteady = this.contact.isSteady(clock.now()) || hasSteadyMember(this.#view, this.#options);
    const mayTakeLapsed = isSteady && !this.#lostWrites.isWaitedFor;
    const wanted = takeable(this.#view, this.#plan, { nodeId, mayTakeLapsed });
    if (wanted.length === 0) return;
    const leases = await membership.acquire(wanted, { mayTakeLapsed });
    for (const lease of leases) {
      this.counts.acquired++;
      if (this.#view.leases.get(lease.shardId)?.holder) this.counts.lapsedTaken++;
      this.#take(lease);
    }
    if (leases.length > 0) this.#tell({ from: nodeId, kind: 'changed' });
  }

  #startMoves(): void {
    for (const [shardId, owner] of this.#plan) {
      if (!this.moves.hasRoom) return;
      const holding = this.holdings.get(shardId);
      if (holding?.kind !== 'held' || owner === this.nodeId || this.moves.isRunning(shardId)) continue;
      const to = this.#view.members.find(({ nodeId }) => nodeId === owner);
      if (!to) continue;
      this.#holdings.set(shardId, { kind: 'moving', epoch: holding.epoch, to });
      this.moves.start(shardId, holding.epoch, to);
    }
  }

  /** Where the lease is ours already, nothing. `from`: who passed it to us and waits to hear that workers find it here. */
  #take(lease: Lease, from?: string): void {
    if (this.#holdings.has(lease)) return;
    this.#note(lease);
    const done = this.#holdings.take(lease);
    if (from !== undefined) this.#tellWhenTaught(lease.shardId, done, from);
  }

  #tellWhenTaught(shardId: number, done: Promise<void>, to: string): void {
    void done.then(() => this.#tell({ from: this.nodeId, kind: 'taught', shardId, to }));
  }

  #canTake(to: Member, renewedSinceMs = Number.NEGATIVE_INFINITY): boolean {
    const member = this.#view.members.find((other) => isSameProcess(other, to));
    if (!member || !takesShards(member)) return false;
    return this.#viewAtMs + member.lapsesInMs - this.#options.leaseTtlMs > renewedSinceMs;
  }

  /** Unless it has come back meanwhile. */
  #onDone(shardId: number): void {
    if (this.holdings.get(shardId)?.kind === 'left')
      this.#holdings.drop(shardId, 'it has moved to another node');
  }

  /** It may get lost: whoever should have heard it sees the same with its next renewal. */
  #tell(message: ClusterMessage): void {
    void this.#options.membership.publish(message).catch(() => undefined);
  }

  #onMessage(message: ClusterMessage): void {
    const { nodeId } = this;
    if (this.#isClosed || message.from === nodeId) return;
    if (message.kind === 'changed') return this.#rounds.soon();
    if (message.kind === 'passed') return this.#onPassed(message);
    if (message.to !== nodeId) return;
    if (message.kind !== 'offer') return this.moves.onAnswer(message);
    const { shardId, from } = message;
    void this.#options.holder
      .prepare(shardId)
      .then(() => this.#tell({ from: nodeId, kind: 'prepared', shardId, to: from }));
  }

  #onPassed({ shardId, epoch, to, incarnation, from }: Extract<ClusterMessage, { kind: 'passed' }>): void {
    const { identity } = this.#options.membership;
    const isOurs = isSameProcess({ nodeId: to, incarnation }, identity);
    const member = this.#view.members.find((other) => isSameProcess(other, { nodeId: to, incarnation }));
    const done = this.#holdings.taken(shardId, epoch);
    // A view was faster than the message.
    if (isOurs && done) return this.#tellWhenTaught(shardId, done, from);
    if ((this.#view.leases.get(shardId)?.epoch ?? 0) >= epoch) return;
    if (isOurs) this.#take({ shardId, epoch, holder: identity }, from);
    else if (member) this.#note({ shardId, epoch, holder: member });
    this.#options.onView();
  }

  #onMoved(shardId: number): void {
    const holding = this.holdings.get(shardId);
    if (holding?.kind !== 'moving') return;
    const { nodeId, incarnation } = holding.to;
    this.#holdings.set(shardId, { kind: 'left' });
    this.#note({ shardId, epoch: holding.epoch + 1, holder: { nodeId, incarnation } });
    this.#options.onView();
    this.#rounds.soon();
  }

  /** A lease that is known before a view has it. */
  #note(lease: Lease): void {
    this.#holdings.touch(lease.shardId);
    this.#view = withLeases(this.#view, [lease]);
  }

  #lose(shardId: number): void {
    if (!this.holdings.has(shardId)) return;
    this.counts.lost++;
    this.#options.log.warn({ shard: shardId }, 'another node holds this shard now; letting go of it');
    this.moves.cancel(shardId);
    this.#holdings.drop(shardId, 'another node has taken it over');
  }

  /** There is no place for this node any more. */
  #end(tell: () => void): void {
    for (const shardId of [...this.holdings.keys()]) this.#lose(shardId);
    this.#isClosed = true;
    this.#rounds.close();
    tell();
  }
}
