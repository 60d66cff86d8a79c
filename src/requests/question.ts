/** One request to Discord and those who wait for its answer. */
import { Opcode } from '../protocol/opcodes.ts';
import type { Ask } from './asks.ts';
import { isFullRequest } from './members-answer.ts';
import type { ChannelInfoRequest, MembersRequest } from './ports.ts';

export type QuestionKind = 'members' | 'sounds' | 'channel-info';

export interface Question {
  readonly kind: QuestionKind;
  readonly guildId: string;
  /** The same for all who ask the same. */
  readonly key: string;
  /** Of a request for members: ours, in place of the asker's. */
  readonly nonce: string | undefined;
  /** Of all members of the guild. */
  readonly isFull: boolean;
  /** Of a request for channel information: what it asks for. */
  readonly fields: readonly string[];
  readonly asks: Set<Ask>;
  /** Dispatches of the answer so far. */
  answers: number;
  /** They came one after the other, and guild state has taken them in. */
  isKept: boolean;
  isOver: boolean;
  /** Until an answer that does not come is given up. */
  timer: Disposable | undefined;
}

export function membersKey(request: MembersRequest): string {
  const { guild_id, nonce: _, user_ids, ...rest } = request;
  const ids = user_ids === undefined ? undefined : [...new Set([user_ids].flat())].sort();
  return JSON.stringify([Opcode.RequestGuildMembers, guild_id, ids, Object.entries(rest).sort()]);
}

export function soundsKey(guildId: string): string {
  return JSON.stringify([Opcode.RequestSoundboardSounds, guildId]);
}

export function channelInfoKey({ guild_id, fields, ...rest }: ChannelInfoRequest): string {
  const wanted = [...new Set(fields)].sort();
  return JSON.stringify([Opcode.RequestChannelInfo, guild_id, wanted, Object.entries(rest).sort()]);
}

type Essentials = Pick<Question, 'kind' | 'guildId' | 'key'>;

function newQuestion(essentials: Essentials, rest: Partial<Question> = {}): Question {
  return {
    nonce: undefined,
    isFull: false,
    fields: [],
    ...essentials,
    ...rest,
    asks: new Set(),
    answers: 0,
    isKept: true,
    isOver: false,
    timer: undefined,
  };
}

export function membersQuestion(request: MembersRequest, nonce: string): Question {
  const essentials = { kind: 'members', guildId: request.guild_id, key: membersKey(request) } as const;
  return newQuestion(essentials, { nonce, isFull: isFullRequest(request) });
}

export function soundsQuestion(guildId: string): Question {
  return newQuestion({ kind: 'sounds', guildId, key: soundsKey(guildId) });
}

export function channelInfoQuestion(request: ChannelInfoRequest): Question {
  const { guild_id: guildId, fields } = request;
  return newQuestion({ kind: 'channel-info', guildId, key: channelInfoKey(request) }, { fields });
}
