/**
 * The `d` of realistic dispatches, with the keys and nesting that Discord sends: parsing costs by the key, so short
 * bodies with long texts would flatter whoever parses. Seeded, so that every run measures the same ones.
 */

/** Events of a busy bot with the members, presences and message content intents; shares add up to 100. */
const SHARES = [
  ['PRESENCE_UPDATE', 38],
  ['MESSAGE_CREATE', 26],
  ['TYPING_START', 16],
  ['GUILD_MEMBER_UPDATE', 8],
  ['MESSAGE_REACTION_ADD', 5],
  ['VOICE_STATE_UPDATE', 4],
  ['MESSAGE_UPDATE', 3],
] as const;

type EventType = (typeof SHARES)[number][0];

export interface EventBody {
  readonly type: EventType;
  readonly body: Readonly<Record<string, unknown>>;
}

const WORDS = [
  'hello',
  'raid',
  'tonight',
  'naïve',
  'über',
  'play',
  '🎉',
  'queue',
  'deploy',
  'ça va',
  'thanks',
];
const GAMES = ['Factorio', 'Counter-Strike 2', 'Baldur’s Gate 3', 'VALORANT', 'Minecraft'];
const TIMESTAMP = '2026-08-14T18:25:43.511000+00:00';

class BodyMaker {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  make(type: EventType): Record<string, unknown> {
    const place = { channel_id: this.#id(), guild_id: this.#id() };
    const user = this.#user();
    const who = { user_id: user.id, ...place, member: { ...this.#member(), user } };
    switch (type) {
      case 'PRESENCE_UPDATE':
        return this.#presence(place.guild_id);
      case 'TYPING_START':
        return { ...who, timestamp: 1_786_731_943 };
      case 'GUILD_MEMBER_UPDATE':
        return { guild_id: place.guild_id, user, ...this.#member(), permissions: '2248473465835073' };
      case 'MESSAGE_REACTION_ADD':
        return { ...who, message_id: this.#id(), emoji: { id: null, name: '👍' }, burst: false, type: 0 };
      case 'VOICE_STATE_UPDATE':
        return {
          ...who,
          session_id: this.#hash(),
          ...{ deaf: false, mute: false, self_deaf: false },
          self_mute: true,
        };
      default:
        return { ...this.#message(user), ...place };
    }
  }

  #message(author: object) {
    const lists = { mentions: [], mention_roles: [], attachments: [], embeds: [] };
    const flags = { type: 0, tts: false, pinned: false, mention_everyone: false };
    const content = this.#many(this.#skewed(12), () => this.#one(WORDS)).join(' ');
    const times = { timestamp: TIMESTAMP, edited_timestamp: null };
    return { id: this.#id(), content, author, member: this.#member(), ...lists, ...flags, ...times };
  }

  #presence(guildId: string) {
    const activities = this.#many(Math.floor(2.4 * this.#random()), () => ({
      ...{ id: this.#hash(), type: 0, name: this.#one(GAMES), created_at: 1_786_731_943_511 },
      ...{ application_id: this.#id(), timestamps: { start: 1_786_731_000_000 }, details: 'In a match' },
      ...{ state: 'Ranked', party: { size: [2, 5] } },
    }));
    const status = { status: 'online', client_status: { desktop: 'online', mobile: 'idle' } };
    return { user: { id: this.#id() }, guild_id: guildId, ...status, activities };
  }

  #user() {
    const name = `user${Math.floor(this.#random() * 1e6)}`;
    const names = {
      username: name,
      global_name: name.toUpperCase(),
      discriminator: '0',
      avatar: this.#hash(),
    };
    return {
      id: this.#id(),
      ...names,
      bot: false,
      public_flags: 0,
      clan: null,
      avatar_decoration_data: null,
    };
  }

  #member() {
    const roles = this.#many(this.#skewed(1), () => this.#id());
    const times = { joined_at: TIMESTAMP, premium_since: null };
    return { roles, ...times, nick: null, pending: false, mute: false, deaf: false, flags: 0 };
  }

  #id(): string {
    return `${100_000_000_000_000_000n + BigInt(Math.floor(this.#random() * 2 ** 52))}`;
  }

  #hash(): string {
    return Math.floor(this.#random() * 2 ** 52)
      .toString(16)
      .padStart(32, 'a');
  }

  #one<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T; // The index is below the length.
  }

  #many<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }

  /** Half of the results are at most `median`; a few are very much more. */
  #skewed(median: number): number {
    return Math.min(30 * median, Math.floor(-Math.log2(1 - this.#random()) * (median + 0.5)));
  }
}

/** mulberry32: small, seeded, good enough to choose sizes and words. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function makeBodies(count: number, seed = 1): EventBody[] {
  const random = seededRandom(seed);
  const maker = new BodyMaker(random);
  return Array.from({ length: count }, () => {
    let left = random() * 100;
    const type =
      SHARES.find(([, share]) => {
        left -= share;
        return left < 0;
      })?.[0] ?? 'MESSAGE_CREATE';
    return { type, body: maker.make(type) };
  });
}
