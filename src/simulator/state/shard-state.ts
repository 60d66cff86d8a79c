/**
 * The true state of one shard's guilds, and what happens in them. State changes with each dispatch and never otherwise, but for what a
 * guild does while it is out: that is first seen when it returns.
 */
import type { Guild, GuildSet } from '../payloads/guilds.ts';
import { BOT_USER_ID, type User } from '../payloads/users.ts';
import { Random } from '../random.ts';
import { applyEvent, guildIdOf } from './changes.ts';
import { channelHappenings } from './channel-happenings.ts';
import { type Entity, type LiveGuild, without } from './entities.ts';
import { firstState, type GuildSize } from './first-state.ts';
import { stateOfBody } from './given-state.ts';
import { guildHappenings } from './guild-happenings.ts';
import { type Emission, type Happening, isWanted, type Scene } from './happenings.ts';
import { memberHappenings } from './member-happenings.ts';
import { People } from './people.ts';
import { talkHappenings } from './talk-happenings.ts';
import { type GuildView, guildCreateBody } from './view.ts';

/** As much of a session as is needed to tell it something. */
export interface Listener {
  readonly intents: number;
  readonly largeThreshold: number;
  dispatch(t: string, d: string): number;
}

export interface ShardStateFacts {
  shard: number;
  seed: number;
  guilds: GuildSet;
  size: GuildSize;
  users: readonly User[];
}

export const happenings: readonly Happening[] = [
  ...guildHappenings,
  ...channelHappenings,
  ...memberHappenings,
  ...talkHappenings,
];

/** One in so many concerns a whole guild: it is joined, left, goes out, or returns. */
const GUILD_COMES_OR_GOES_EVERY = 400;
/** Guilds that are out at once: one, and one in so many. */
const GUILDS_PER_OUTAGE = 20;
/** What happens to a guild while it is out. */
const UNSEEN_HAPPENINGS = 5;
/** Something that can't happen just now is drawn again this often. */
const MAX_DRAWS = 200;

const FIRST_TIME_MS = Date.UTC(2026, 7, 1);

/** Things that concern a whole guild, as `happen` names them. */
export const GUILD_CHANGES = ['GUILD_CREATE', 'GUILD_DELETE', 'outage', 'outage-end'] as const;
type GuildChange = (typeof GUILD_CHANGES)[number];

export class ShardState {
  readonly #guilds: GuildSet;
  readonly #live = new Map<string, LiveGuild>();
  readonly #scene: Omit<Scene, 'guild'>;
  readonly #byIntents = new Map<number, Happening[]>();
  readonly #out = new Set<string>();
  #made = 0;

  constructor({ shard, seed, guilds, size, users }: ShardStateFacts) {
    this.#guilds = guilds;
    this.#scene = {
      size,
      people: new People(users),
      random: new Random(seed * 0x9e3779b1 + shard),
      freshId: () => `14${String(shard).padStart(6, '0')}${String(this.#next()).padStart(11, '0')}`,
      freshTime: () => new Date(FIRST_TIME_MS + this.#next()).toISOString().replace('Z', '000+00:00'),
    };
  }

  /** The state of a guild that the bot is in. Made when it is first asked for. */
  find(guildId: string): LiveGuild | undefined {
    const known = this.#live.get(guildId);
    if (known) return known;
    const guild = this.#guilds.find(guildId);
    return guild && this.#of(guild);
  }

  /** A copy: what happens later does not change it. */
  body(guildId: string, view?: GuildView): Entity | undefined {
    const live = this.find(guildId);
    return live && structuredClone(guildCreateBody(live, view));
  }

  /** Tells a session that has just begun of one of its guilds. One that is out is told of as GUILD_DELETE. */
  introduce(guild: Guild, listener: Listener): void {
    const live = this.#guilds.has(guild.id) ? this.find(guild.id) : undefined;
    if (!live || !isWanted({ t: 'GUILD_CREATE' }, listener.intents)) return;
    const body = guildCreateBody(live, listener);
    listener.dispatch(live.isAvailable ? 'GUILD_CREATE' : 'GUILD_DELETE', JSON.stringify(body));
  }

  /** Something at random that the listener asks for. Whether anything was dispatched. */
  happen(listener: Listener): boolean {
    const { random } = this.#scene;
    const kinds = this.#wanted(listener.intents);
    if (kinds.length === 0) return false;
    for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
      const isChange = random.below(GUILD_COMES_OR_GOES_EVERY) === 0;
      const guild = this.find(this.#guilds.pick(random).id);
      const happened = isChange
        ? this.#comeOrGo(random.pick(GUILD_CHANGES), listener)
        : guild?.isAvailable === true && this.#happenIn(guild, random.pick(kinds), listener);
      if (happened) return true;
    }
    return false;
  }

  /** What has this name happens, in this guild or any. Whether it could. */
  happenNamed(name: string, listener: Listener, guildId?: string): boolean {
    const change = GUILD_CHANGES.find((each) => each === name);
    if (change) return this.#comeOrGo(change, listener, guildId);
    const kinds = happenings.filter(({ t }) => t === name);
    if (kinds.length === 0) throw new RangeError(`nothing that can happen is called ${name}`);
    for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
      const guild = this.find(guildId ?? this.#guilds.pick(this.#scene.random).id);
      if (!guild?.isAvailable) continue;
      if (this.#happenIn(guild, this.#scene.random.pick(kinds), listener)) return true;
    }
    return false;
  }

  /** Changes the state as these events say, and tells of those that the listener asks for. Whether there were any. */
  emit(guild: LiveGuild, emissions: readonly Emission[], listener: Listener): boolean {
    let count = 0;
    for (const emission of emissions) {
      applyEvent(guild, emission.t, emission.d);
      if (!isWanted(emission, listener.intents)) continue;
      listener.dispatch(emission.t, JSON.stringify(emission.d));
      count += 1;
    }
    return count > 0;
  }

  /** An event that somebody else made up changes the state too. */
  follow(t: string, d: unknown): void {
    if (typeof d !== 'object' || d === null) return;
    // The reason for the cast: an object that is no array is an entity, and an array has no guild.
    const event = structuredClone(d) as Entity;
    const guildId = guildIdOf(t, event);
    const guild = guildId === undefined ? undefined : this.find(guildId);
    if (t === 'GUILD_CREATE' && guildId !== undefined) return this.#followCreate(guildId, event);
    if (!guild) return;
    if (t !== 'GUILD_DELETE') return applyEvent(guild, t, event);
    if (event['unavailable'] === true) this.#goOut(guild);
    else this.#forget(guild);
  }

  /** A new session: Discord has taken the bot out of voice when the old one ended. */
  leaveVoice(): void {
    for (const guild of this.#live.values()) guild.lists.voice_states.delete(BOT_USER_ID);
  }

  #next(): number {
    this.#made += 1;
    return this.#made;
  }

  #of(guild: Guild): LiveGuild {
    const live = firstState(guild, this.#scene.size, this.#scene.people);
    this.#live.set(guild.id, live);
    return live;
  }

  /** Each kind as often as its weight, so that picking one is a single draw. */
  #wanted(intents: number): Happening[] {
    let kinds = this.#byIntents.get(intents);
    if (!kinds) {
      kinds = happenings
        .filter((kind) => isWanted(kind, intents))
        .flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
      this.#byIntents.set(intents, kinds);
    }
    return kinds;
  }

  #happenIn(guild: LiveGuild, kind: Happening, listener: Listener): boolean {
    const emissions = kind.make({ ...this.#scene, guild });
    return emissions !== undefined && this.emit(guild, emissions, listener);
  }

  #comeOrGo(change: GuildChange, listener: Listener, guildId?: string): boolean {
    if (!isWanted({ t: 'GUILD_CREATE' }, listener.intents)) return false;
    switch (change) {
      case 'GUILD_CREATE':
        return this.#join(listener);
      case 'GUILD_DELETE':
        return this.#leave(listener, guildId);
      case 'outage':
        return this.#beginOutage(listener, guildId);
      case 'outage-end':
        return this.#endOutage(listener, guildId);
    }
  }

  /** When the bot joins, Discord does not speak of `unavailable`. */
  #join(listener: Listener): boolean {
    const guild = this.#of(this.#guilds.join());
    const body = without(guildCreateBody(guild, listener), 'unavailable');
    listener.dispatch('GUILD_CREATE', JSON.stringify(body));
    return true;
  }

  /** At random only those are left that were joined meanwhile. */
  #leave(listener: Listener, guildId?: string): boolean {
    const left = guildId === undefined ? this.#guilds.leave() : this.#guilds.find(guildId);
    if (!left) return false;
    this.#forget(this.#live.get(left.id) ?? this.#of(left));
    listener.dispatch('GUILD_DELETE', JSON.stringify({ id: left.id }));
    return true;
  }

  #beginOutage(listener: Listener, guildId?: string): boolean {
    const isTooMany = this.#out.size >= 1 + this.#guilds.size / GUILDS_PER_OUTAGE;
    if (guildId === undefined && (isTooMany || this.#guilds.size < 2)) return false;
    const guild = this.find(guildId ?? this.#guilds.pick(this.#scene.random).id);
    if (!guild?.isAvailable) return false;
    this.#goOut(guild);
    listener.dispatch('GUILD_DELETE', JSON.stringify({ id: guild.identity.id, unavailable: true }));
    return true;
  }

  #endOutage(listener: Listener, guildId?: string): boolean {
    const [firstOut] = this.#out;
    const guild = this.find(guildId ?? firstOut ?? '');
    if (!guild || guild.isAvailable) return false;
    this.#comeBack(guild);
    for (let unseen = 0; unseen < UNSEEN_HAPPENINGS; unseen += 1) {
      const emissions = this.#scene.random.pick(happenings).make({ ...this.#scene, guild }) ?? [];
      for (const { t, d } of emissions) applyEvent(guild, t, d);
    }
    listener.dispatch('GUILD_CREATE', JSON.stringify(guildCreateBody(guild, listener)));
    return true;
  }

  #goOut(guild: LiveGuild): void {
    guild.isAvailable = false;
    this.#out.add(guild.identity.id);
  }

  #comeBack(guild: LiveGuild): void {
    guild.isAvailable = true;
    this.#out.delete(guild.identity.id);
  }

  #forget(guild: LiveGuild): void {
    const { id } = guild.identity;
    this.#live.delete(id);
    this.#out.delete(id);
    this.#guilds.remove(id);
  }

  #followCreate(guildId: string, body: Entity): void {
    const live = stateOfBody(body);
    this.#live.set(guildId, live);
    this.#out.delete(guildId);
    if (!live.isAvailable) this.#out.add(guildId);
    if (!this.#guilds.has(guildId)) this.#guilds.admit(live.identity);
  }
}
