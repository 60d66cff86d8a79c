/** Guilds: which exist on which shard, and their GUILD_CREATE, made when needed and the same each time. */
import { Random } from '../random.ts';
import { type GuildIds, guildSettings, roles, textChannel, voiceChannel } from './guild-objects.ts';
import { botUser, member, type User } from './users.ts';

export interface Guild extends GuildIds {
  /** Decides all about the guild that is not its id. */
  seed: number;
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

/** Roles that members of any guild can have. */
const MEMBER_ROLES = 3;
/** A guild's roles are numbered from here above its own id. */
const FIRST_ROLE = 10;

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

  /** One that a test made up. */
  admit(guild: Guild): void {
    this.#joined.push(guild);
  }

  /** Also one of the first. */
  remove(id: string): void {
    for (const guilds of [this.#original, this.#joined]) {
      const index = guilds.findIndex((guild) => guild.id === id);
      if (index >= 0) guilds.splice(index, 1);
    }
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
      roleIds: Array.from({ length: MEMBER_ROLES }, (_, index) =>
        String((id | 5n) + BigInt(FIRST_ROLE + index)),
      ),
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
  const members = [JSON.stringify(member(botUser(), guild.roleIds, random))];
  const first = random.below(users.length);
  const head = JSON.stringify(guildBody(guild, random)).slice(0, -1);
  for (let bytes = head.length, next = 0; bytes < targetBytes && next < users.length; next += 1) {
    const user = users[(first + next) % users.length];
    if (user === undefined) break;
    const text = JSON.stringify(member(user, guild.roleIds, random));
    members.push(text);
    bytes += text.length + 1;
  }
  const availability = afterReady ? ',"unavailable":false' : '';
  return `${head}${availability},"member_count":${members.length},"members":[${members.join(',')}]}`;
}

function guildBody(guild: Guild, random: Random): Record<string, unknown> {
  return {
    ...guildSettings(guild, random),
    name: `guild ${guild.seed} "的" ${random.below(100)}`,
    joined_at: '2022-01-02T03:04:05.678000+00:00',
    large: false,
    roles: roles(guild.id, [...guild.roleIds, ...moreRoles(guild, random)], random),
    channels: channels(guild, random),
    threads: [],
    voice_states: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  };
}

function moreRoles(guild: Guild, random: Random): string[] {
  const first = BigInt(guild.id) + BigInt(FIRST_ROLE + MEMBER_ROLES);
  return Array.from({ length: random.below(4) }, (_, index) => String(first + BigInt(index)));
}

function channels(guild: Guild, random: Random): unknown[] {
  const more = Array.from({ length: random.below(10) }, (_, index) =>
    textChannel(String(BigInt(guild.channelId) + BigInt(1 + index)), 2 + index),
  );
  return [textChannel(guild.channelId, 0), voiceChannel(guild.voiceChannelId, 1), ...more];
}
