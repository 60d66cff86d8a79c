/**
 * What GUILD_CREATE would say after some dispatches, worked out in the plainest way there is: one mutable copy, searched from
 * end to end. Shares nothing with the reducer but the documentation.
 */
import type { JsonObject } from '../../../src/guilds/index.ts';
import { BOT_ID } from './guild.ts';

type ListName =
  | 'channels'
  | 'threads'
  | 'members'
  | 'presences'
  | 'voice_states'
  | 'roles'
  | 'emojis'
  | 'permission_overwrites'
  | 'soundboard_sounds'
  | 'stage_instances'
  | 'guild_scheduled_events';

type IdKey = 'id' | 'sound_id' | 'user_id';

/** Whatever a dispatch or guild consists of, taken to have all that is asked of it. */
interface Json extends Record<ListName, Json[]>, Record<IdKey, string> {
  guild_id?: string;
  parent_id: string;
  channel_id: string | null;
  channel_ids?: string[];
  role_id: string;
  role: Json;
  user: Json;
  username?: string;
  member?: Json | undefined;
  member_count: number;
  added_members: Json[];
  removed_member_ids: string[];
  last_pin_timestamp: string | null;
  thread_metadata: { archived: boolean };
  newly_created?: boolean;
  status: string | number;
  unavailable: boolean;
}

const CREATE_ONLY =
  'joined_at large unavailable member_count voice_states members channels threads presences ' +
  'stage_instances guild_scheduled_events soundboard_sounds integrations guild_id';

export class NaiveGuild {
  #guild: Json | undefined;

  constructor(guild: JsonObject | undefined) {
    this.#guild = structuredClone(guild) as Json | undefined;
  }

  get guild(): JsonObject | undefined {
    return this.#guild && { ...this.#guild };
  }

  apply(t: string, dispatched: unknown): void {
    const d = structuredClone(dispatched) as Json;
    if (t === 'GUILD_CREATE' && d.unavailable !== true) this.#guild = d;
    else if (t === 'GUILD_DELETE' && d.unavailable !== true) this.#guild = undefined;
    else if (t === 'GUILD_CREATE' || t === 'GUILD_DELETE') {
      this.#guild ??= { id: d.id } as Json;
      this.#guild.unavailable = true;
    } else if (this.#guild) this.#applyToKnown(this.#guild, t, d);
  }

  #applyToKnown(guild: Json, t: string, d: Json): void {
    switch (t) {
      case 'GUILD_UPDATE':
        for (const key of CREATE_ONLY.split(' ')) Reflect.deleteProperty(d, key);
        Object.assign(guild, d);
        return;
      case 'CHANNEL_CREATE':
      case 'CHANNEL_UPDATE':
        delete d.guild_id;
        return this.#merge('channels', 'id', d);
      case 'CHANNEL_DELETE':
        this.#drop('channels', (each) => each.id === d.id);
        this.#drop('threads', (each) => each.parent_id === d.id);
        this.#drop('stage_instances', (each) => each.channel_id === d.id);
        return this.#drop('guild_scheduled_events', (each) => each.channel_id === d.id);
      case 'CHANNEL_PINS_UPDATE':
        for (const each of this.#list('channels').concat(this.#list('threads'))) {
          if (each.id === d.channel_id) each.last_pin_timestamp = d.last_pin_timestamp;
        }
        return;
      case 'THREAD_CREATE':
      case 'THREAD_UPDATE':
        return this.#thread(d);
      case 'THREAD_DELETE':
        return this.#drop('threads', (each) => each.id === d.id);
      case 'THREAD_LIST_SYNC':
        this.#drop('threads', (each) => !d.channel_ids || d.channel_ids.includes(each.parent_id));
        for (const each of d.threads) this.#thread(each);
        for (const each of d.members) this.#membership(each.id, each);
        return;
      case 'THREAD_MEMBERS_UPDATE':
        for (const each of this.#list('threads').filter((thread) => thread.id === d.id)) {
          each.member_count = d.member_count;
          if (d.removed_member_ids.includes(BOT_ID)) delete each.member;
        }
        for (const each of d.added_members) if (each.user_id === BOT_ID) this.#membership(d.id, each);
        return;
      case 'GUILD_ROLE_CREATE':
      case 'GUILD_ROLE_UPDATE':
        return this.#merge('roles', 'id', d.role);
      case 'GUILD_ROLE_DELETE':
        this.#drop('roles', (each) => each.id === d.role_id);
        for (const each of this.#list('members')) {
          each.roles = each.roles.filter((id: unknown) => id !== d.role_id);
        }
        for (const each of this.#list('channels')) {
          each.permission_overwrites = each.permission_overwrites.filter(({ id }) => id !== d.role_id);
        }
        return;
      case 'GUILD_EMOJIS_UPDATE':
        guild.emojis = d.emojis;
        return;
      case 'GUILD_SOUNDBOARD_SOUND_UPDATE':
        return this.#merge('soundboard_sounds', 'sound_id', d);
      case 'STAGE_INSTANCE_CREATE':
        return this.#merge('stage_instances', 'id', d);
      case 'GUILD_SCHEDULED_EVENT_UPDATE':
        if (Number(d.status) < 3) return this.#merge('guild_scheduled_events', 'id', d);
        return this.#drop('guild_scheduled_events', (each) => each.id === d.id);
      default:
        delete d.guild_id;
        this.#applyToPeople(t, d);
    }
  }

  #applyToPeople(t: string, d: Json): void {
    const userId = d.user?.id ?? d.user_id;
    switch (t) {
      case 'GUILD_MEMBER_ADD':
        if (!this.#list('members').some((each) => each.user.id === userId)) this.#count(1);
        return this.#person('members', d);
      case 'GUILD_MEMBER_UPDATE':
        return this.#person('members', d);
      case 'GUILD_MEMBER_REMOVE':
        if (userId === BOT_ID) return;
        this.#drop('members', (each) => each.user.id === userId);
        this.#drop('presences', (each) => each.user.id === userId);
        this.#drop('voice_states', (each) => each.user_id === userId);
        return this.#count(-1);
      case 'GUILD_MEMBERS_CHUNK':
        for (const each of d.members) this.#person('members', each);
        for (const each of d.presences) this.#presence(each);
        return;
      case 'PRESENCE_UPDATE':
        for (const each of this.#list('members')) {
          if (each.user.id === userId && d.user.username) each.user = { ...each.user, ...d.user };
        }
        return this.#presence(d);
      case 'VOICE_STATE_UPDATE': {
        const isKnown = this.#list('members').some((each) => each.user.id === userId);
        if (d.channel_id !== null || isKnown) this.#person('members', d.member as Json);
        delete d.member;
        if (d.channel_id === null) return this.#drop('voice_states', (each) => each.user_id === userId);
        const index = this.#list('voice_states').findIndex((each) => each.user_id === userId);
        if (index === -1) this.#list('voice_states').push(d);
        else this.#list('voice_states')[index] = d;
      }
    }
  }

  #count(difference: number): void {
    if (this.#guild?.member_count === undefined) return;
    this.#guild.member_count = Math.max(0, this.#guild.member_count + difference);
  }

  #list(key: ListName): Json[] {
    const guild = this.#guild ?? ({} as Json);
    guild[key] ??= [];
    return guild[key];
  }

  #drop(key: ListName, isOver: (each: Json) => boolean): void {
    const list = this.#list(key);
    list.splice(0, list.length, ...list.filter((each) => !isOver(each)));
  }

  #merge(key: ListName, idKey: IdKey, d: Json): void {
    const known = this.#list(key).find((each) => each[idKey] === d[idKey]);
    if (known) Object.assign(known, d);
    else this.#list(key).push(d);
  }

  #person(key: ListName, d: Json): void {
    const known = this.#list(key).find((each) => each.user.id === d.user.id);
    if (known) Object.assign(known, d);
    else this.#list(key).push(d);
  }

  #presence(d: Json): void {
    if (d.status === 'offline') this.#drop('presences', (each) => each.user.id === d.user.id);
    else this.#person('presences', d);
  }

  #thread(d: Json): void {
    if (d.thread_metadata.archived) return this.#drop('threads', (each) => each.id === d.id);
    const { member } = d;
    delete d.member;
    delete d.newly_created;
    delete d.guild_id;
    this.#merge('threads', 'id', d);
    if (member) this.#membership(d.id, member);
  }

  #membership(threadId: string, { id: _, user_id: __, ...member }: Json): void {
    for (const each of this.#list('threads')) if (each.id === threadId) each.member = member as Json;
  }
}
