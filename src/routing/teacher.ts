/**
 * Teaches every HAProxy which shards this node owns, so that connections for them come here. Each HAProxy is taught by
 * itself: one that hangs or is gone holds up no other. Which keys are owned is decided elsewhere.
 */
import type { Clock } from '../runtime/clock.ts';
import { parseRuntimeAddress } from './runtime-client.ts';
import type { ServerLookup } from './server-state.ts';
import { isRoutingKey } from './shard-path.ts';
import { TaughtHaproxy } from './taught-haproxy.ts';
import type { TeachingCounters, TeachingState } from './teaching-state.ts';

/** How often each HAProxy is looked at: a restarted, empty one is routed by hash for about this long. */
const DEFAULT_WATCH_INTERVAL_MS = 250;

/** How long one exchange with HAProxy may take; 10,000 keys were measured to take 76 ms. */
const DEFAULT_TIMEOUT_MS = 1_000;

export interface TeacherOptions {
  /** The stats socket of every HAProxy: `unix@/path`, `/path` or `tcp@host:port`. */
  readonly sockets: readonly string[];
  /** The backend whose servers are the nodes, and the stick table: both `gateway` in haproxy/haproxy.cfg. */
  readonly backend: string;
  readonly table: string;
  /** How this node finds its own server line. */
  readonly server: ServerLookup;
  /** Everything is taught again this often. */
  readonly intervalMs: number;
  /** How often to look for a new HAProxy process; 250 ms by default. */
  readonly watchIntervalMs?: number;
  /** Limit of one exchange with an HAProxy; 1,000 ms by default. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
  /** Called when an HAProxy's state changes (also when its process did). Must not throw. */
  readonly onState: (state: TeachingState) => void;
}

export interface HandedOver {
  readonly leaving?: ReadonlySet<string>;
}

/** One HAProxy as metrics and the status page show it. */
export interface TeachingStatus extends TeachingCounters {
  readonly state: TeachingState;
  readonly taughtKeys: number;
}

export class Teacher implements AsyncDisposable {
  readonly #haproxies: readonly TaughtHaproxy[];

  /** Starts looking at the HAProxys at once. @throws {RuntimeAddressError} when a socket's address is malformed. */
  constructor(options: TeacherOptions) {
    for (const socket of options.sockets) parseRuntimeAddress(socket);
    const {
      sockets,
      watchIntervalMs = DEFAULT_WATCH_INTERVAL_MS,
      timeoutMs = DEFAULT_TIMEOUT_MS,
      ...rest
    } = options;
    this.#haproxies = sockets.map(
      (socket) => new TaughtHaproxy({ ...rest, socket, watchIntervalMs, timeoutMs }),
    );
    this.setKeys(new Set());
  }

  /**
   * The routing keys of all shards that this node owns now. New ones are taught at once; those that are gone are
   * forgotten where they still point at this node. Keys that are `leaving` are handed over: from now on they are not taught
   * (even if they are among `keys`), and not forgotten either, so that connections find somebody until the next owner has
   * taught them. When it has, or will never, call this again without them.
   *
   * Call it before the lease passes and wait for `settled`: then nothing of ours is on its way that could overwrite the next
   * owner's word, unless an HAProxy hangs; that one the next owner teaches again when it wakes up.
   * @throws {RangeError} when one is not a routing key, which would be a bug.
   */
  setKeys(keys: ReadonlySet<string>, { leaving = new Set() }: HandedOver = {}): void {
    for (const key of keys) if (!isRoutingKey(key)) throw new RangeError(`"${key}" is not a routing key`);
    const own = new Set([...keys].filter((key) => !leaving.has(key)));
    const handedOver = new Set(leaving);
    for (const haproxy of this.#haproxies) haproxy.setKeys(own, handedOver);
  }

  /**
   * Teaches some of our keys again, as when a connection for one of them came by way of another node. Others than ours are
   * ignored. Any number of calls costs an HAProxy no more than one extra round in a watch interval.
   */
  teachAgain(keys: Iterable<string>): void {
    const some = [...keys];
    for (const haproxy of this.#haproxies) haproxy.teachAgain(some);
  }

  /** Resolves when each HAProxy was tried once, to what came of it: `isMisconfigured` tells what to refuse to start with. */
  firstLook(): Promise<readonly TeachingState[]> {
    return Promise.all(this.#haproxies.map((haproxy) => haproxy.firstLook));
  }

  /** Resolves when every HAProxy was taught the newest keys, or the attempt failed: then a handed over shard may close. */
  async settled(): Promise<void> {
    await Promise.all(this.#haproxies.map((haproxy) => haproxy.settled()));
  }

  /** One entry a socket, in the order given. */
  get status(): readonly TeachingStatus[] {
    return this.#haproxies.map((haproxy) => ({
      state: haproxy.state,
      taughtKeys: haproxy.taughtKeys,
      ...haproxy.counters,
    }));
  }

  /** Stops teaching. What was taught stays: this node may come back, and until then HAProxy knows that it is down. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#haproxies.map((haproxy) => haproxy[Symbol.asyncDispose]()));
  }
}
