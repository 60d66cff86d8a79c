/**
 * Teaches every HAProxy which shards this node owns, so that connections for them come here. Each HAProxy is taught by
 * itself: one that hangs or is gone holds up no other. Which keys are owned is decided elsewhere.
 */
import type { Clock } from '../runtime/clock.ts';
import { parseRuntimeAddress } from './runtime-client.ts';
import type { ServerLookup } from './server-state.ts';
import { isRoutingKey } from './shard-path.ts';
import { TaughtHaproxy, type TeachingCounters, type TeachingState } from './taught-haproxy.ts';

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
   * forgotten where they still point at this node.
   * @throws {RangeError} when one is not a routing key, which would be a bug.
   */
  setKeys(keys: ReadonlySet<string>): void {
    for (const key of keys) if (!isRoutingKey(key)) throw new RangeError(`"${key}" is not a routing key`);
    const own = new Set(keys);
    for (const haproxy of this.#haproxies) haproxy.setKeys(own);
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
