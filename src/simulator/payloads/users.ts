/** Invented people and their words, from a seed. Some of the text looks like a gateway payload, to catch naive scanners. */
import type { Random } from '../random.ts';

export interface User {
  id: string;
  username: string;
  global_name: string | null;
  discriminator: string;
  avatar: string | null;
  bot?: boolean;
  public_flags: number;
}

export const BOT_USER_ID = '100000000000000001';

/** As many different people as the largest guild needs. */
export const USER_POOL_SIZE = 1024;

const NAMES = [
  'aurora',
  'Bjørn',
  'カナ',
  'deniz',
  'élodie',
  'fynn',
  'グレイ',
  'hawk',
  'Ивана',
  'jules',
  'kim',
  'lotte',
];
const WORDS = [
  'raid',
  'tonight',
  'at',
  'nine',
  'who',
  'is',
  'in?',
  'ok',
  'naïve',
  'größe',
  '日本語のテキスト',
  '👩‍👩‍👧‍👦',
  '🔥🔥',
  '"quoted"',
  'back\\slash',
  'new\nline',
  'tab\there',
  'null\u0000byte',
  '<@100000000000000001>',
  'https://example.com/a?b=c&d=e',
  'lorem',
  'ipsum',
  'dolor',
  'sit',
  'amet',
];
/** Text that would fool a scanner that looks for keys without following strings. */
const LOOKALIKES = [
  '{"t":"READY","s":1,"op":0,"d":{}}',
  '","s":999999999,"op":9,"d":false',
  '"t":null,"s":null,"op":7',
  '\\","t":"GUILD_DELETE","s":42',
];

export function createUsers(random: Random): User[] {
  return Array.from({ length: USER_POOL_SIZE }, (_, index) => ({
    id: `2${String(index * 7919 + 1).padStart(17, '0')}`,
    username: `${random.pick(NAMES)}${index}`,
    global_name: random.next() < 0.3 ? null : `${random.pick(NAMES)} ${random.pick(WORDS)}`,
    discriminator: '0',
    avatar: random.next() < 0.2 ? null : hex(random, 32),
    public_flags: random.below(4) * 64,
  }));
}

export function botUser(): User {
  return {
    id: BOT_USER_ID,
    username: 'simulated',
    global_name: null,
    discriminator: '0001',
    avatar: null,
    bot: true,
    public_flags: 0,
  };
}

/** Has some of `roleIds`. https://discord.com/developers/docs/resources/guild#guild-member-object */
export function member(user: User, roleIds: readonly string[], random: Random): Record<string, unknown> {
  return {
    user,
    roles: roleIds.slice(random.below(roleIds.length + 1)),
    premium_since: null,
    pending: false,
    nick: random.next() < 0.3 ? random.pick(NAMES) : null,
    mute: false,
    deaf: false,
    joined_at: '2023-04-05T06:07:08.901000+00:00',
    flags: 0,
    communication_disabled_until: null,
    banner: null,
    avatar_decoration_data: null,
    avatar: null,
  };
}

export function sentence(random: Random, words: number): string {
  const chosen = Array.from({ length: words }, () => random.pick(WORDS));
  if (random.next() < 0.25) chosen.push(random.pick(LOOKALIKES));
  return chosen.join(' ');
}

/** A payload look-alike as JSON, not as text: for the value of a key that Discord does not document, which clients pass over. */
export function lookalike(random: Random): Record<string, unknown> {
  return { t: 'GUILD_DELETE', s: random.below(1000), op: random.below(12), d: { op: 9, s: null, t: null } };
}

export function hex(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits) text += random.below(16).toString(16);
  return text;
}
