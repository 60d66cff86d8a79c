/**
 * What memory can answer: guild state, and what is known of its completeness beside. `undefined` means that it takes Discord,
 * `silence` that Discord would not answer.
 */
import { INTENTS } from '../protocol/intents.ts';
import { MEMBERS_PER_CHUNK } from '../protocol/limits.ts';
import { CHANNEL_FIELDS, channelInfoPart, MembersAnswer, singleAnswer, soundsPart } from './answers.ts';
import type { Ask } from './asks.ts';
import { type FoundMembers, findMembers, membersIn } from './members-answer.ts';
import type {
  Answer,
  ChannelInfoRequest,
  GuildBody,
  GuildMembers,
  GuildMemory,
  MembersRequest,
} from './ports.ts';

export interface KnowledgeOptions {
  readonly intents: number;
  readonly memory: GuildMemory;
  /** An answer that was put off may be begun. */
  readonly onRoom: (ask: Ask) => void;
}

/** Members in answers of several dispatches that are being sent; a larger one is sent alone. About 25 MB of text, or 100 parsed. */
const MAX_MEMBERS_UNDER_WAY = 50_000;

export class Knowledge {
  readonly #options: KnowledgeOptions;
  /** Guilds of which Discord has sent all members since the last GUILD_CREATE of any. */
  readonly #whole = new Set<string>();
  /** Fields of channel information that Discord has told since then, of those that events keep up to date. */
  readonly #channelFields = new Map<string, Set<string>>();
  readonly #putOff = new Set<Ask>();
  #membersUnderWay = 0;

  constructor(options: KnowledgeOptions) {
    this.#options = options;
  }

  /** A guild has come, maybe again: what was told of it before is over. Of all guilds: this is rare, and only makes us ask Discord. */
  forget(): void {
    this.#whole.clear();
    this.#channelFields.clear();
  }

  /** Whether members that Discord tells of now will be known. */
  get keepsMembers(): boolean {
    return this.#options.memory.keeps('members');
  }

  isWhole(guildId: string): void {
    this.#whole.add(guildId);
  }

  hasChannelInfo(guildId: string, fields: readonly string[]): void {
    if (!this.#options.memory.keeps('channels')) return;
    const known = this.#channelFields.get(guildId) ?? new Set();
    this.#channelFields.set(guildId, known);
    for (const field of fields) if (CHANNEL_FIELDS.has(field)) known.add(field);
  }

  /** `later`: there is no room for it now, `onRoom` follows. */
  members(ask: Ask, request: MembersRequest): Answer | 'silence' | 'later' | undefined {
    const { memory, intents } = this.#options;
    const guild = this.#readMembers(request.guild_id);
    if (guild === undefined || guild === 'silence') return guild;
    const found = findMembers(guild, request, {
      intents,
      ownUserId: memory.ownUserId,
      keepsMembers: memory.keeps('members'),
      keepsPresences: memory.keeps('presences'),
      isWhole: this.#whole.has(request.guild_id),
    });
    return found && this.#membersAnswer(ask, request, found);
  }

  sounds(guildId: string): Answer | 'silence' | undefined {
    const { memory, intents } = this.#options;
    const isCurrent = memory.keeps('soundboard') && (intents & INTENTS.GUILD_EXPRESSIONS) !== 0;
    const guild = this.#read(guildId);
    if (guild === undefined || guild === 'silence') return guild;
    const part = isCurrent ? soundsPart(guildId, guild) : undefined;
    return part && singleAnswer(part);
  }

  channelInfo(request: ChannelInfoRequest): Answer | 'silence' | undefined {
    const { memory, intents } = this.#options;
    const told = this.#channelFields.get(request.guild_id);
    const isCurrent =
      memory.keeps('channels') &&
      (intents & INTENTS.GUILDS) !== 0 &&
      Object.keys(request).length === 2 &&
      request.fields.every((field) => CHANNEL_FIELDS.has(field) && told?.has(field));
    const guild = this.#read(request.guild_id);
    if (guild === undefined || guild === 'silence') return guild;
    return isCurrent ? singleAnswer(channelInfoPart(request, guild)) : undefined;
  }

  #readMembers(guildId: string): GuildMembers | 'silence' | undefined {
    const { memory } = this.#options;
    const members = memory.has(guildId) ? memory.members(guildId) : undefined;
    if (members) return members;
    const guild = this.#read(guildId);
    return guild === undefined || guild === 'silence' ? guild : membersIn(guild);
  }

  #read(guildId: string): GuildBody | 'silence' | undefined {
    const { memory } = this.#options;
    if (!memory.has(guildId)) return 'silence';
    const guild = memory.read(guildId);
    return guild === 'out' ? 'silence' : guild;
  }

  /** Members are held until they are sent: only so many of them by those who read slowly. */
  #membersAnswer(ask: Ask, request: MembersRequest, found: FoundMembers): Answer | 'later' {
    const count = found.size > MEMBERS_PER_CHUNK ? found.size : 0;
    if (count > 0 && this.#membersUnderWay > 0 && this.#membersUnderWay + count > MAX_MEMBERS_UNDER_WAY) {
      ask.enter(this.#putOff);
      return 'later';
    }
    this.#membersUnderWay += count;
    return new MembersAnswer(request, found, () => {
      this.#membersUnderWay -= count;
      if (count > 0) this.#resumePutOff();
    });
  }

  #resumePutOff(): void {
    for (const ask of [...this.#putOff]) {
      ask.leave(this.#putOff);
      this.#options.onRoom(ask);
    }
  }
}
