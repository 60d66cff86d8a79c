/** What the worker gateway needs from the rest of the program. */

/** A worker's position in a shard's event log. */
export interface WorkerCursor {
  readonly sequence: number;
  /** What it has not read has left the log. */
  readonly isLost: boolean;
  readonly oldestUnreadAtMs: number | undefined;
  hasUpTo(sequence: number): boolean;
  /** The next finished frames, at most `maxBytes` but at least one, none behind `lastSequence`. */
  read(maxBytes: number, lastSequence?: number): Buffer | undefined;
}

/** Whether workers can be served from a shard's memory. */
export type Serving =
  /** No upstream session that is known to live: boot, takeover, or between a lost session and the next READY. */
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'serving';
      /** Names the upstream session; numbers of another epoch mean nothing in this one. */
      readonly epoch: string;
      /** `d` of the upstream READY. */
      readonly ready: Readonly<Record<string, unknown>>;
      /** Guilds of the shard as of now. */
      readonly guildIds: ReadonlySet<string>;
      /**
       * The upstream session of an earlier process has only just been resumed: dispatches that workers have already may
       * still be on their way to the log. (A replay may hold an old RESUMED, so RESUMED is no proof of its end.)
       */
      readonly isCatchingUp: boolean;
    };

/** A shard as workers see it. */
export interface WorkerShard {
  readonly shardId: number;
  readonly shardCount: number;
  readonly serving: Serving;
  readonly log: {
    readonly head: number;
    readonly floor: number;
    cursorAfter(sequence: number): WorkerCursor | undefined;
  };
  subscribe(listener: ShardListener): Disposable;
  /** Queues a command for Discord. `sender` names the connection it came from. */
  submit(payload: string, sender: symbol): Submission;
}

/** What became of a command. */
export type Submission =
  | 'queued'
  /** The shard's queue has no room for anyone. */
  | 'full'
  /** As many commands of this sender wait as may. */
  | 'sender-full'
  /** The shard is on its way out: nothing is sent any more. */
  | 'closed';

/** Called synchronously; must not throw. */
export interface ShardListener {
  /** The log has grown. Coalesced: once for all that arrived together. */
  onRecords(): void;
  /** Another upstream session has begun; what was promised of the old one can't be kept. */
  onEpochOver(): void;
}

/** The shards of this deployment, as far as they are known. */
export interface ShardDirectory {
  /** `undefined` until Discord has said how many there are. */
  readonly shardCount: number | undefined;
  /** Why no shard will ever be served again, if so. */
  readonly stoppedReason: string | undefined;
  shard(shardId: number): WorkerShard | undefined;
  /** Tells of any change of `shardCount`, `stoppedReason` or a shard's `serving.kind`. */
  subscribe(onChange: () => void): Disposable;
}

/** Says who a worker is. */
export interface Authenticator {
  /** Name of the service account whose token this is, or `undefined`. Takes the same time for every token. */
  authenticate(token: string): string | undefined;
}

export interface WorkerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}
