/**
 * A worker's session at another node, which holds the shard: asks there with the worker's own words, and from the answer on
 * passes every message both ways as it is. Owns the connection to that node; the worker's is worker-link.ts.
 */
import { CloseCode } from '../protocol/close-codes.ts';
import { scanHeader } from '../protocol/header-scan.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AskedSession } from './asked-session.ts';
import type { Relay, RelayFailure, RelayLink, RelayTarget } from './ports.ts';
import { NOT_OWNER, type Rejection, Rejections } from './rejection.ts';
import type { WorkerLink } from './worker-link.ts';

export interface RelayedSessionOptions {
  readonly asked: AskedSession;
  readonly shardId: number;
  readonly target: RelayTarget;
  /** Of the shard, at the other node. */
  readonly path: string;
  /** What the worker's request said about it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly relay: Relay;
  readonly link: WorkerLink;
  readonly maxUnsentBytes: number;
  readonly clock: Clock;
  readonly listener: RelayedSessionListener;
}

/** Called synchronously, and not any more once disposed of. */
export interface RelayedSessionListener {
  /** The other node answers: from now on it has the worker. */
  onBegan(): void;
  /** It came to nothing, and the worker knows of nothing: ask anew. */
  onFailed(failure: RelayFailure, detail: string): void;
  /** The other node has closed, or is gone. */
  onClosed(rejection: Rejection): void;
  /** Another node, or this one, holds the shard by now, and the one that served it has not told the worker. */
  onMoved(): void;
}

/**
 * How long an owner that has lost its shard has to send its workers away: it does when it can, better than we could. One that hangs
 * does not.
 */
const MOVED_GRACE_MS = 500;

/** Ends of a connection that are nothing to tell a worker: without a code, broken, and a word between nodes. */
const UNTOLD_CODES: ReadonlySet<number> = new Set([1005, 1006, NOT_OWNER]);

/** Ends after which another node may take the worker. */
const LEAVING_CODES: ReadonlySet<number> = new Set([CloseCode.GoingAway, CloseCode.ServiceRestart]);

const header = { op: 0, sequence: 0, typeId: 0, usedParser: false };

export class RelayedSession implements Disposable {
  readonly shardId: number;
  readonly target: RelayTarget;
  readonly #options: RelayedSessionOptions;
  readonly #owner: RelayLink;
  readonly #watch: Disposable;
  /** `asked`: the other node has the request. */
  #phase: 'dialling' | 'asked' | 'open' | 'over' = 'dialling';
  #moved: Disposable | undefined;

  constructor(options: RelayedSessionOptions) {
    this.#options = options;
    const { relay, target, path, headers, shardId, asked } = options;
    this.shardId = shardId;
    this.target = target;
    this.#owner = relay.dial(
      { address: target.address, path, headers },
      {
        onOpen: () => this.#ask(),
        onMessage: (bytes, isBinary) => this.#onMessage(bytes, isBinary),
        onDrain: () => options.link.resume(),
        onFailed: (failure, detail) => this.#fail(failure, detail),
        onClosed: (code, reason) => this.#onClosed(code, reason),
      },
    );
    this.#watch = asked.application.directory.subscribe(() => this.#onDirectoryChange());
  }

  get account(): string {
    return this.#options.asked.request.account;
  }

  get applicationId(): string {
    return this.#options.asked.application.id;
  }

  /** For the other node, while it has not answered: we have acknowledged it. */
  heartbeat(acknowledged: number | null): void {
    if (this.#phase === 'asked') this.send(JSON.stringify({ op: Opcode.Heartbeat, d: acknowledged }), false);
  }

  send(payload: Buffer | string, isBinary: boolean): void {
    this.#owner.send(payload, isBinary);
    if (this.#owner.isFull) this.#options.link.pause();
  }

  /** The worker's socket takes more. */
  onWorkerDrain(): void {
    this.#owner.resume();
  }

  /** The worker has closed. */
  close(code: number, reason: string): void {
    this.#owner.close(code, reason);
  }

  [Symbol.dispose](): void {
    this.#phase = 'over';
    this.#watch[Symbol.dispose]();
    this.#moved?.[Symbol.dispose]();
    this.#owner[Symbol.dispose]();
    const { link } = this.#options;
    link.relayTo(undefined);
    link.resume();
  }

  #ask(): void {
    const { bytes, isBinary } = this.#options.asked.message;
    this.#phase = 'asked';
    this.send(bytes, isBinary);
  }

  #onMessage(bytes: Buffer, isBinary: boolean): void {
    if (this.#phase === 'asked') {
      const op = scanHeader(bytes, header) ? header.op : undefined;
      // Of a heartbeat that we have acknowledged ourselves.
      if (op === Opcode.HeartbeatAck) return;
      if (op === Opcode.Reconnect) return this.#fail('draining', 'op 7 before the session began');
      this.#begin();
    }
    if (this.#phase === 'open') this.#pass(bytes, isBinary);
  }

  #begin(): void {
    const { link, listener } = this.#options;
    this.#phase = 'open';
    link.relayTo((message) => this.send(message.bytes, message.isBinary));
    listener.onBegan();
  }

  #pass(bytes: Buffer, isBinary: boolean): void {
    const { link, maxUnsentBytes } = this.#options;
    link.pass({ bytes, isBinary });
    if (link.isBehind(maxUnsentBytes)) this.#owner.pause();
  }

  #onClosed(code: number, reason: string): void {
    const { listener } = this.#options;
    const isUntold = UNTOLD_CODES.has(code);
    if (this.#phase === 'open') {
      return listener.onClosed(isUntold ? Rejections.ownerLost() : Rejections.passedOn(code, reason));
    }
    if (!isUntold && !LEAVING_CODES.has(code)) return listener.onClosed(Rejections.passedOn(code, reason));
    this.#fail(code === NOT_OWNER ? 'not-owner' : 'cut-off', `closed with ${code} ${reason}`);
  }

  #fail(failure: RelayFailure, detail: string): void {
    // Where the address is none, it is told although we have let go of it.
    if (this.#phase !== 'over') this.#options.listener.onFailed(failure, detail);
  }

  /** While it has not begun, the request itself is asked anew. */
  #onDirectoryChange(): void {
    if (this.#phase !== 'open' || this.#moved || !this.#hasMoved()) return;
    const { clock, listener } = this.#options;
    this.#moved = clock.setTimer(() => {
      this.#moved = undefined;
      if (this.#hasMoved()) listener.onMoved();
    }, MOVED_GRACE_MS);
  }

  #hasMoved(): boolean {
    const { directory } = this.#options.asked.application;
    if (directory.shard(this.shardId)) return true;
    const owner = directory.ownerElsewhere(this.shardId);
    // An owner that is cut off from the store only goes on until another one takes over.
    return owner !== undefined && owner.nodeId !== this.target.nodeId;
  }
}

export function isSameNode(one: RelayTarget, other: RelayTarget): boolean {
  return one.nodeId === other.nodeId && one.address === other.address;
}
