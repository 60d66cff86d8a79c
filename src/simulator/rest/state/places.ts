/**
 * Guilds, channels and members as the API tells of them: those of the gateway, and on top of them what was changed through the API.
 * The gateway does not tell of these changes.
 */
import type { Application, Shard } from '../../application.ts';
import { type Guild, renderGuildCreate } from '../../payloads/guilds.ts';
import { child, children, type Entity, isEntity, LIST_NAMES, text, without } from '../../state/entities.ts';

export interface Place {
  /** Null for a DM. */
  guildId: string | null;
  channel: Entity;
}

/** Channels that were asked for or changed; what was changed in older ones is forgotten. */
const MAX_CHANNELS = 20_000;
/** Guilds that are kept as they were made up, where they have no state of their own. */
const MAX_BODIES = 100;

const SNOWFLAKE_SHIFT = 22n;

export class Places {
  readonly #application: Application;
  /** Null for a channel that was deleted. */
  readonly #channels = new Map<string, Place | null>();
  readonly #bodies = new Map<string, Entity>();
  readonly #changes = new Map<string, Entity>();

  constructor(application: Application) {
    this.#application = application;
  }

  /** As in GUILD_CREATE, with everything. */
  guild(id: string): Entity | undefined {
    const shard = this.#shardOf(id);
    if (shard.state) return shard.state.body(id);
    const known = this.#bodies.get(id);
    if (known) return known;
    const guild = shard.guilds.find(id);
    return guild && this.#keep(guild);
  }

  /** As GET /guilds/:guild has it. */
  settings(id: string): Entity | undefined {
    const guild = this.guild(id);
    if (!guild) return undefined;
    const lists = LIST_NAMES.filter((name) => name !== 'roles' && name !== 'emojis' && name !== 'stickers');
    return {
      ...without(guild, ...lists, 'large', 'unavailable', 'member_count', 'joined_at'),
      ...this.#changes.get(id),
    };
  }

  channels(guildId: string): Entity[] | undefined {
    const guild = this.guild(guildId);
    if (!guild) return undefined;
    const first = children(guild, 'channels').map((channel) => text(channel, 'id'));
    const made = [...this.#channels].filter(([, place]) => place?.guildId === guildId).map(([id]) => id);
    return [...new Set([...first, ...made])].flatMap((id) => {
      const place = this.channel(id);
      return place ? [place.channel] : [];
    });
  }

  channel(id: string): Place | undefined {
    const known = this.#channels.get(id);
    if (known !== undefined) return known ?? undefined;
    const guild = this.#guildOfChannel(id);
    const found =
      guild &&
      [...children(guild, 'channels'), ...children(guild, 'threads')].find((one) => one['id'] === id);
    if (!found) return undefined;
    const place = { guildId: text(guild, 'id'), channel: { ...found, guild_id: guild['id'] } };
    this.putChannel(id, place);
    return place;
  }

  /** Null deletes it. */
  putChannel(id: string, place: Place | null): void {
    if (this.#channels.size >= MAX_CHANNELS) this.#channels.delete([...this.#channels.keys()][0] ?? '');
    this.#channels.set(id, place);
  }

  changeGuild(id: string, change: Entity): void {
    this.#changes.set(id, { ...this.#changes.get(id), ...change });
  }

  /** In the order of their ids. */
  members(guildId: string): Entity[] | undefined {
    const guild = this.guild(guildId);
    const byId = (one: Entity) => text(child(one, 'user'), 'id').padStart(20, '0');
    return guild && children(guild, 'members').sort((a, b) => (byId(a) < byId(b) ? -1 : 1));
  }

  member(guildId: string, userId: string): Entity | undefined {
    return this.members(guildId)?.find((one) => child(one, 'user')['id'] === userId);
  }

  /** The body of the guild whose channel this is. Channels have the time of their guild in their id, but for those made up later. */
  #guildOfChannel(channelId: string): Entity | undefined {
    const shard = this.#shardOf(channelId);
    const time = BigInt(channelId) >> SNOWFLAKE_SHIFT;
    const sameTime = shard.guilds.all().find(({ id }) => BigInt(id) >> SNOWFLAKE_SHIFT === time);
    // Without its people, of whom the rest does not depend: they are most of the work.
    if (sameTime)
      return shard.state ? this.guild(sameTime.id) : parsed(renderGuildCreate(sameTime, [], true));
    for (const { state, guilds } of this.#application.shards) {
      if (!state) return undefined;
      const guild = guilds.all().find(({ id }) => {
        const lists = state.find(id)?.lists;
        return lists?.channels.has(channelId) === true || lists?.threads.has(channelId) === true;
      });
      if (guild) return state.body(guild.id);
    }
    return undefined;
  }

  #shardOf(id: string): Shard {
    const { shards } = this.#application;
    return this.#application.shard(Number((BigInt(id) >> SNOWFLAKE_SHIFT) % BigInt(shards.length)));
  }

  #keep(guild: Guild): Entity | undefined {
    const body = parsed(renderGuildCreate(guild, this.#application.users, true));
    if (!body) return undefined;
    if (this.#bodies.size >= MAX_BODIES) this.#bodies.delete([...this.#bodies.keys()][0] ?? '');
    this.#bodies.set(guild.id, body);
    return body;
  }
}

function parsed(json: string): Entity | undefined {
  const body: unknown = JSON.parse(json);
  return isEntity(body) ? body : undefined;
}
