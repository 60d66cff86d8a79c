/** Guilds: which exist on which shard, and their GUILD_CREATE, made when needed and the same each time. */
import { Random } from '../random.ts';
import { BOT_USER_ID, botUser, member, type User } from './users.ts';

export interface Guild {
  id: string;
  /** Decides all about the guild that is not its id. */
  seed: number;
  channelId: string;
  voiceChannelId: string;
}

/** GUILD_CREATE sizes: most small, few large. */
const MIN_GUILD_BYTES = 5_000;
const MAX_GUILD_BYTES = 300_000;
/** Exponent of the sizes' tail; the mean comes out at some 20 kB. */
const SIZE_TAIL = 0.75;

/** Low bits of a snowflake that are no time. */
const SNOWFLAKE_SHIFT = 22n;
/** Some day in 2020, in milliseconds of Discord's epoch. */
const FIRST_GUILD_MS = 160_000_000_000;

/** The guilds of one shard. Those that joined later may leave again, the first ones stay. */
export class GuildSet {
  readonly #shard: number;
  readonly #shards: number;
  readonly #original: Guild[] = [];
  readonly #joined: Guild[] = [];
  #stranger: Guild | undefined;
  #created = 0;

  constructor(shard: number, shards: number, count: number) {
    this.#shard = shard;
    this.#shards = shards;
    while (this.#original.length < count) this.#original.push(this.#create());
  }

  get size(): number {
    return this.#original.length + this.#joined.length;
  }

  all(): Guild[] {
    return [...this.#original, ...this.#joined];
  }

  /** Some guild; on a shard without any, one that events can still speak of. */
  pick(random: Random): Guild {
    const index = random.below(this.size);
    const guild = this.#original[index] ?? this.#joined[index - this.#original.length];
    this.#stranger ??= guild ? undefined : this.#create();
    return guild ?? this.#stranger ?? this.#create();
  }

  has(id: string): boolean {
    return this.find(id) !== undefined;
  }

  find(id: string): Guild | undefined {
    return this.#original.find((guild) => guild.id === id) ?? this.#joined.find((guild) => guild.id === id);
  }

  join(): Guild {
    const guild = this.#create();
    this.#joined.push(guild);
    return guild;
  }

  leave(): Guild | undefined {
    return this.#joined.shift();
  }

  #create(): Guild {
    // (id >> 22) % shards must come out as the shard, so the time part is a multiple of the shard count plus the shard.
    const round = Math.ceil(FIRST_GUILD_MS / this.#shards) + this.#created * 9_973;
    const time = BigInt(round) * BigInt(this.#shards) + BigInt(this.#shard);
    this.#created += 1;
    const id = time << SNOWFLAKE_SHIFT;
    return {
      id: String(id | 5n),
      seed: (this.#created * 0x9e3779b1 + this.#shard * 0x85ebca6b) >>> 0,
      channelId: String(id | 1024n),
      voiceChannelId: String(id | 2048n),
    };
  }
}

/**
 * `d` of a GUILD_CREATE as JSON text. After READY Discord says `unavailable:false`; when the bot joins, that key is not there.
 */
export function renderGuildCreate(guild: Guild, users: readonly User[], afterReady: boolean): string {
  const random = new Random(guild.seed);
  const targetBytes = afterReady
    ? Math.min(MAX_GUILD_BYTES * 0.99, MIN_GUILD_BYTES * random.next() ** -SIZE_TAIL)
    : MIN_GUILD_BYTES;
  const members = [JSON.stringify(member(botUser(), random))];
  const first = random.below(users.length);
  const head = JSON.stringify(guildBody(guild, random)).slice(0, -1);
  for (let bytes = head.length, next = 0; bytes < targetBytes && next < users.length; next += 1) {
    const user = users[(first + next) % users.length];
    if (user === undefined) break;
    const text = JSON.stringify(member(user, random));
    members.push(text);
    bytes += text.length + 1;
  }
  const availability = afterReady ? ',"unavailable":false' : '';
  return `${head}${availability},"member_count":${members.length},"members":[${members.join(',')}]}`;
}

function guildBody(guild: Guild, random: Random): Record<string, unknown> {
  return {
    id: guild.id,
    name: `guild ${guild.seed} "的" ${random.below(100)}`,
    icon: null,
    splash: null,
    owner_id: BOT_USER_ID,
    afk_channel_id: null,
    afk_timeout: 300,
    verification_level: 1,
    default_message_notifications: 0,
    explicit_content_filter: 0,
    features: ['COMMUNITY', 'NEWS'],
    mfa_level: 0,
    application_id: null,
    system_channel_id: guild.channelId,
    system_channel_flags: 0,
    rules_channel_id: null,
    vanity_url_code: null,
    description: null,
    banner: null,
    premium_tier: 0,
    premium_subscription_count: random.below(20),
    preferred_locale: 'en-US',
    public_updates_channel_id: null,
    nsfw_level: 0,
    premium_progress_bar_enabled: false,
    joined_at: '2022-01-02T03:04:05.678000+00:00',
    large: false,
    roles: roles(guild, random),
    emojis: [],
    stickers: [],
    channels: channels(guild, random),
    threads: [],
    voice_states: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  };
}

function roles(guild: Guild, random: Random): unknown[] {
  const everyone = { id: guild.id, name: '@everyone', position: 0 };
  const others = Array.from({ length: 3 + random.below(4) }, (_, index) => ({
    id: String(BigInt(guild.id) + BigInt(10 + index)),
    name: `role ${index} 🛡`,
    position: index + 1,
  }));
  return [everyone, ...others].map((role) => ({
    ...role,
    color: random.below(0xffffff),
    hoist: false,
    managed: false,
    mentionable: false,
    permissions: '2222085186637376',
    flags: 0,
    icon: null,
    unicode_emoji: null,
  }));
}

function channels(guild: Guild, random: Random): unknown[] {
  const more = Array.from({ length: random.below(10) }, (_, index) => ({
    id: String(BigInt(guild.channelId) + BigInt(1 + index)),
    type: 0,
  }));
  return [{ id: guild.channelId, type: 0 }, { id: guild.voiceChannelId, type: 2 }, ...more].map(
    (channel, position) => ({
      ...channel,
      name: `channel-${position}`,
      position,
      topic: null,
      nsfw: false,
      parent_id: null,
      permission_overwrites: [],
      rate_limit_per_user: 0,
      flags: 0,
      ...(channel.type === 2
        ? { bitrate: 64_000, user_limit: 0, rtc_region: null }
        : { last_message_id: null }),
    }),
  );
}
