/** What the answering of workers' requests needs from the rest of the program, and gives to it. */
import type { Opcode } from '../protocol/opcodes.ts';

/** A request as it was checked; what nobody here knows of its `d` survives. */
export type GuildRequest =
  | { readonly op: typeof Opcode.RequestGuildMembers; readonly d: MembersRequest }
  | { readonly op: typeof Opcode.RequestSoundboardSounds; readonly d: SoundsRequest }
  | { readonly op: typeof Opcode.RequestChannelInfo; readonly d: ChannelInfoRequest };

/** https://discord.com/developers/docs/events/gateway-events#request-guild-members */
export interface MembersRequest {
  readonly guild_id: string;
  readonly query?: string | undefined;
  readonly limit?: number | undefined;
  readonly presences?: boolean | undefined;
  readonly user_ids?: string | readonly string[] | undefined;
  readonly nonce?: string | undefined;
}

/** https://discord.com/developers/docs/events/gateway-events#request-soundboard-sounds */
export interface SoundsRequest {
  readonly guild_ids: readonly string[];
}

/** https://discord.com/developers/docs/events/gateway-events#request-channel-info */
export interface ChannelInfoRequest {
  readonly guild_id: string;
  readonly fields: readonly string[];
}

/** Who asked: a worker's session. Called synchronously; must not throw, nor call back at once. */
export interface Asker {
  /** There may be something to do for it: `GuildRequests.next`. */
  wake(): void;
  /** What Discord has answered, for this one alone. */
  reply(reply: Reply): void;
}

/** A dispatch that is not in the log. */
export interface Reply {
  /** Its number: it comes after all of the log before it, and before all after it. */
  readonly sequence: number;
  /** The payload, in pieces that other replies may share. */
  readonly parts: readonly Buffer[];
}

/** What is answered from memory, dispatch by dispatch, as of when it was begun. Whoever took it disposes of it. */
export interface Answer extends Disposable {
  /** The next dispatch, made now; `undefined` after the last. */
  next(): AnswerPart | undefined;
}

export interface AnswerPart {
  readonly t: string;
  /** JSON text. */
  readonly d: Buffer;
}

/** What became of a request that was brought. */
export type Submission =
  | 'queued'
  /** As many requests of the shard are unanswered as may. */
  | 'full'
  /** As many of this asker. */
  | 'sender-full';

/** Guilds of the shard as far as they are known here. */
export interface GuildMemory {
  /** The bot's user. */
  readonly ownUserId: string | undefined;
  /** Whether the bot is in the guild. */
  has(guildId: string): boolean;
  /**
   * What GUILD_CREATE would say of it now; `out` where Discord has said that an outage hides it; `undefined` where it is not
   * known. Takes some tenths of a millisecond, more for thousands of members.
   */
  read(guildId: string): GuildBody | 'out' | undefined;
  /** The members of a guild that `read` would give, at less cost; `undefined` where there is no such way. */
  members(guildId: string): GuildMembers | undefined;
  /** Whether lists of this kind are kept. */
  keeps(kind: 'members' | 'presences' | 'soundboard' | 'channels'): boolean;
}

/** The members of a guild as of one moment, each once. */
export interface GuildMembers {
  /** How many are known. */
  readonly size: number;
  /** How many there are, by Discord. */
  readonly memberCount: unknown;
  /** Those from one index to another (exclusive), as JSON without the brackets. */
  text(from: number, to: number): Buffer;
  find(userId: string): GuildBody | undefined;
  all(): readonly GuildBody[];
  presences(): readonly GuildBody[];
}

export type GuildBody = Readonly<Record<string, unknown>>;

/** Sends to Discord, in turn with other commands. */
export interface Upstream {
  /** Whether it was taken. */
  send(command: UpstreamCommand): boolean;
}

/** A command that is made when its turn comes. */
export interface UpstreamCommand {
  /** The JSON text; `undefined` where nobody wants it any more. */
  payload(): string | undefined;
  /** It was sent; or not, because nobody wanted it when its turn came, or because its queue has ended. */
  onLeft(isSent: boolean): void;
}

export interface RequestsLog {
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}
