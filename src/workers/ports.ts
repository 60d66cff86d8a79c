/** What the worker gateway needs from the rest of the program. */
import type { GuildRequest } from './command-shapes.ts';

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
    /** What is for the session of that tag alone is among it; what is for others is not. */
    cursorAfter(sequence: number, tag?: string): WorkerCursor | undefined;
  };
  readonly voice?: WorkerVoice | undefined;
  subscribe(listener: ShardListener): Disposable;
  /** Queues a command for Discord. `sender` names the connection it came from; `onSent`: Discord is handed it. */
  submit(payload: string, sender: symbol, onSent?: () => void): Submission;
  /** The guilds as they are now, for one new session. `undefined` where no state is kept: READY lists them then, and none follows. */
  readGuilds?(): GuildReading | undefined;
  /** They will be known in a moment: a session that begins waits for them. `ShardDirectory.subscribe` tells when they are. */
  readonly areGuildsLoading?: boolean;
  /** A session waits for them. */
  wantGuilds?(): void;
  /** Answers requests about guilds; without it they are commands like others, and all workers see Discord's answers. */
  readonly requests?: ShardRequests | undefined;
}

/** Requests whose answers are for those alone who asked. */
export interface ShardRequests {
  /** Takes a request, or says why not; what there is to do about it, `next` does. */
  ask(request: GuildRequest, asker: Asker): Exclude<Submission, 'closed'>;
  /**
   * Does a little for the asker, which has been sent all that is in the log: an answer is as of now, and nothing that is later in the
   * log may be sent before its end.
   */
  next(asker: Asker): RequestStep;
  /** The asker is gone, with all that it has asked. */
  leave(asker: Asker): void;
}

export type RequestStep =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** Something that is no answer yet; there may be more to do. */
  | { readonly kind: 'again' }
  | { readonly kind: 'idle' };

/** Called synchronously; must not throw. */
export interface Asker {
  /** There may be something to do: `next`. */
  wake(): void;
  /** A dispatch for this one alone. */
  reply(reply: Reply): void;
}

/** A dispatch that is not in the log. */
export interface Reply {
  /** Its number: it comes after all of the log before it, and before all after it. */
  readonly sequence: number;
  /** The payload, in pieces. */
  readonly parts: readonly Buffer[];
}

/** Dispatches made one by one. Whoever took it disposes of it. */
export interface Answer extends Disposable {
  next(): AnswerPart | undefined;
}

export interface AnswerPart {
  readonly t: string;
  /** JSON text. */
  readonly d: Buffer;
}

/** Whose the bot's voice in each guild is. */
export interface WorkerVoice {
  connect(tag: string, listener: VoiceListener): VoiceConnection;
  /** Discord has been handed a session's op 4. */
  commanded(session: VoiceSession, command: VoiceCommand): void;
  /** A session is over for good, whatever connections it has. */
  end(tag: string): void;
}

/** One connection of a session. Disposing of it says that it is gone, and that the session may come back. */
export interface VoiceConnection extends Disposable {
  /** The session is over for good, by this connection: unless it has another one, having RESUMEd. */
  end(): void;
}

export interface VoiceListener {
  /** The `d` of a VOICE_SERVER_UPDATE from memory; false where the session can't take it yet. */
  onVoiceServer(d: string): boolean;
}

export interface VoiceSession {
  readonly tag: string | undefined;
  readonly startSequence: number;
}

export interface VoiceCommand {
  readonly guild_id: string;
  readonly channel_id: string | null;
}

/** The guilds of a shard as they were after one dispatch. Whoever took it disposes of it. */
export interface GuildReading extends Disposable {
  /** Of the last dispatch that it includes. */
  readonly sequence: number;
  /** As READY lists them. */
  readonly guildIds: readonly string[];
  /** How many `next` gives: one for each of them, but none for those that Discord has yet to send, as dispatches. */
  readonly count: number;
  /** The next guild; at last `undefined`. Takes the time of making it; must not throw. */
  next(): GuildSnapshot | undefined;
}

/** A guild as a worker gets it after READY. */
export interface GuildSnapshot {
  readonly t: 'GUILD_CREATE' | 'GUILD_DELETE';
  /** JSON text. */
  readonly d: Buffer;
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
  /** The log has grown, or its head has moved. Coalesced: once for all that arrived together. */
  onRecords(): void;
  /** Another upstream session has begun; what was promised of the old one can't be kept. */
  onEpochOver(): void;
}

/** Where another node's worker port is. */
export interface RelayTarget {
  readonly nodeId: string;
  /** `host:port`. */
  readonly address: string;
}

/** The shards of an application, as far as they are known. */
export interface ShardDirectory {
  /** `undefined` until Discord has said how many there are. */
  readonly shardCount: number | undefined;
  /** Why no shard will ever be served again, if so. */
  readonly stoppedReason: string | undefined;
  /** A shard that this node holds. One that it is about to lose, or has lost, takes no sessions and is none. */
  shard(shardId: number): WorkerShard | undefined;
  /** The live node that holds the shard's lease, where that is not this node. */
  ownerElsewhere(shardId: number): RelayTarget | undefined;
  /** The shard's lease has just been passed to this node, or is about to be: `shard` will have it in a moment. */
  isExpected(shardId: number): boolean;
  /** Tells of any change of the above, of a shard's `serving.kind`, and when its guilds are loaded. */
  subscribe(onChange: () => void): Disposable;
}

/** An application whose workers are served here. */
export interface ServedApplication {
  /** As Discord names it, in decimal: part of paths and of session ids. */
  readonly id: string;
  readonly directory: ShardDirectory;
}

/** Who a worker is. */
export interface Account {
  readonly name: string;
  /** The only application that it may be served, where it is bound to one. */
  readonly applicationId?: string | undefined;
}

/** Says who a worker is. */
export interface Authenticator {
  /** The service account whose token this is, or `undefined`. Takes the same time for every token. */
  authenticate(token: string): Account | undefined;
}

/** What a node needs to speak with the others of its deployment; all of them share a secret. */
export interface Peers {
  /** This node's own. */
  readonly nodeId: string;
  readonly relay: Relay;
  /** Whether a request carries the header of a node: none, one that holds, or one that does not. */
  readHeader(request: PeerRequest): PeerHeader;
  /** The shards whose lease this node holds, with their epochs. */
  heldShards(applicationId: string): ReadonlyMap<number, number>;
  /** A session that another node relays has begun here: some HAProxy does not know that the shard is ours. */
  onRelayed?(applicationId: string, shardId: number): void;
}

/** A request as far as nodes sign it. */
export interface PeerRequest {
  /** Without the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export type PeerHeader =
  | { readonly kind: 'none' }
  | { readonly kind: 'valid'; readonly nodeId: string }
  | { readonly kind: 'invalid'; readonly why: string };

/** Connects to the owner of a shard for a worker that came here. */
export interface Relay {
  dial(request: RelayRequest, listener: RelayListener): RelayLink;
}

export interface RelayRequest {
  readonly address: string;
  /** The shard's path. */
  readonly path: string;
  /** What the worker's own request said about it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a relay did not come about, or came to nothing before the session began. */
export type RelayFailure =
  /** The address could not be connected to. */
  | 'unreachable'
  /** No HELLO in time. */
  | 'timed-out'
  /** The node refused the connection. */
  | 'refused'
  /** It was closed, or spoke what is no gateway, before the session began. */
  | 'cut-off'
  /** The node is on its way out. */
  | 'draining'
  /** The node does not hold the shard. */
  | 'not-owner';

/** Called never while `dial` runs, never after `onFailed` or `onClosed`, and not any more once we have closed. */
export interface RelayListener {
  /** HELLO has come; it is not passed on. */
  onOpen(): void;
  onMessage(bytes: Buffer, isBinary: boolean): void;
  /** There is room again, after `isFull`. */
  onDrain(): void;
  onFailed(failure: RelayFailure, detail: string): void;
  /** The other node closed, or the connection broke (1006). Only after `onOpen`. */
  onClosed(code: number, reason: string): void;
}

/** Disposing of it closes it, as one closes that goes away. */
export interface RelayLink extends Disposable {
  send(bytes: Buffer | string, isBinary: boolean): void;
  /** Whether as much as may waits to be sent: `onDrain` follows. */
  readonly isFull: boolean;
  /** Stops reading; a bounded rest may still come. */
  pause(): void;
  resume(): void;
  /** Passes on how the worker closed; 1005 and 1006 say that it gave no code. */
  close(code: number, reason: string): void;
}

export interface WorkerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}
