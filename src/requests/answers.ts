/** Answers from memory as dispatches, each made when it is asked for. Pure but for what they count. */
import { MEMBERS_PER_CHUNK } from '../protocol/limits.ts';
import type { FoundMembers } from './members-answer.ts';
import type { Answer, AnswerPart, ChannelInfoRequest, GuildBody, MembersRequest } from './ports.ts';

/** Of one dispatch. */
export function singleAnswer(part: AnswerPart): Answer {
  let left: AnswerPart | undefined = part;
  return {
    next: () => {
      const next = left;
      left = undefined;
      return next;
    },
    [Symbol.dispose]: () => {
      left = undefined;
    },
  };
}

/** GUILD_MEMBERS_CHUNKs of up to 1,000 members. Holds on to the members until it is disposed of. */
export class MembersAnswer implements Answer {
  readonly #request: MembersRequest;
  readonly #onEnd: () => void;
  readonly #chunkCount: number;
  #found: FoundMembers | undefined;
  #index = 0;

  constructor(request: MembersRequest, found: FoundMembers, onEnd: () => void) {
    this.#request = request;
    this.#found = found;
    this.#onEnd = onEnd;
    this.#chunkCount = Math.max(1, Math.ceil(found.size / MEMBERS_PER_CHUNK));
  }

  next(): AnswerPart | undefined {
    if (!this.#found || this.#index >= this.#chunkCount) return undefined;
    return { t: 'GUILD_MEMBERS_CHUNK', d: this.#chunk(this.#found, this.#index++) };
  }

  [Symbol.dispose](): void {
    if (!this.#found) return;
    this.#found = undefined;
    this.#onEnd();
  }

  #chunk(found: FoundMembers, index: number): Buffer {
    const { guild_id, nonce } = this.#request;
    const members = found.text(index * MEMBERS_PER_CHUNK, (index + 1) * MEMBERS_PER_CHUNK);
    const rest = JSON.stringify({
      chunk_index: index,
      chunk_count: this.#chunkCount,
      not_found: found.notFound,
      ...(found.presences && { presences: found.presences(members) }),
      ...(nonce !== undefined && { nonce }),
    });
    const before = Buffer.from(`{"guild_id":${JSON.stringify(guild_id)},"members":[`);
    return Buffer.concat([before, members, Buffer.from(`],${rest.slice(1)}`)]);
  }
}

/** `undefined` where the guild does not say. */
export function soundsPart(guildId: string, guild: GuildBody): AnswerPart | undefined {
  const sounds = guild['soundboard_sounds'];
  if (!Array.isArray(sounds)) return undefined;
  return part('SOUNDBOARD_SOUNDS', { guild_id: guildId, soundboard_sounds: sounds });
}

/** Voice and stage channels. https://discord.com/developers/docs/resources/channel#channel-object-channel-types */
const VOICE_TYPES: ReadonlySet<unknown> = new Set([2, 13]);

/** The fields that events keep up to date once Discord has told them. */
export const CHANNEL_FIELDS: ReadonlySet<string> = new Set(['status', 'voice_start_time']);

export function channelInfoPart({ guild_id, fields }: ChannelInfoRequest, guild: GuildBody): AnswerPart {
  const channels = (Array.isArray(guild['channels']) ? (guild['channels'] as GuildBody[]) : [])
    .filter((channel) => VOICE_TYPES.has(channel?.['type']))
    .map((channel) => ({
      id: channel['id'],
      ...Object.fromEntries(fields.map((field) => [field, channel[field] ?? null])),
    }));
  return part('CHANNEL_INFO', { guild_id, channels });
}

function part(t: string, d: GuildBody): AnswerPart {
  return { t, d: Buffer.from(JSON.stringify(d)) };
}
