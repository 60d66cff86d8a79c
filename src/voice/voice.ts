/**
 * The bot's voice on one shard: which worker session the voice events of a guild are for, from op 4 to the end of the voice or of the
 * session, over restarts and moves. On the hot path (`audienceOf`). The rules are seat.ts; what goes where is the log's.
 */
import { EventTypeId } from '../protocol/event-types.ts';
import type { Clock } from '../runtime/clock.ts';
import { ownUserValue, readOwnVoiceState, readRemovedGuild, readVoiceServer } from './events.ts';
import { Rejoins } from './rejoins.ts';
import {
  afterJoin,
  afterVoiceServer,
  afterVoiceState,
  hasServer,
  type Outcome,
  type VoiceSeat,
  type VoiceSession,
  withHolder,
  withoutSession,
} from './seat.ts';
import { type VoiceConnection, type VoiceListener, VoiceSessions } from './sessions.ts';
import { VoiceTable } from './voice-table.ts';

export interface VoiceOptions {
  /** Whom the voice events are for: the session that joined, or everybody. */
  readonly mode: 'owner' | 'broadcast';
  readonly clock: Clock;
  /** Whether the bot is in the guild: of others nothing is kept, so that nobody can fill the memory with guilds that there are not. */
  readonly hasGuild: (guildId: string) => boolean;
  /** The state has changed by other means than a dispatch. */
  readonly onChanged: () => void;
}

export const RELEASE_REASONS = ['left', 'guild-removed', 'session-ended', 'not-back', 'new-session'] as const;
export type ReleaseReason = (typeof RELEASE_REASONS)[number];

/** Plain counts since the start, read by metrics. */
export class VoiceCounts {
  /** op 4s with a channel that were handed to Discord. */
  joins = 0;
  /** VOICE_SERVER_UPDATEs that were given from memory. */
  answers = 0;
  readonly releases = new Map<ReleaseReason, number>(RELEASE_REASONS.map((reason) => [reason, 0]));
}

/** op 4 as far as it matters here. */
export interface JoinCommand {
  readonly guild_id: string;
  readonly channel_id: string | null;
}

export class Voice implements Disposable {
  readonly counts = new VoiceCounts();
  /** What goes with the tail. */
  readonly table = new VoiceTable();
  readonly #options: VoiceOptions;
  readonly #sessions: VoiceSessions;
  readonly #rejoins: Rejoins;
  #ownValue = ownUserValue('');

  constructor(options: VoiceOptions) {
    const { clock } = options;
    this.#options = options;
    this.#sessions = new VoiceSessions({ clock, onGone: (tag) => this.#release(tag, 'not-back') });
    this.#rejoins = new Rejoins(clock, (guildId, tag) => this.#answer(guildId, tag));
  }

  /** A new upstream session: Discord has taken the bot out of all voice. */
  reset(ownUserId: string): void {
    for (const [, { owner }] of this.table.seats) if (owner !== undefined) this.#count('new-session');
    this.table.clear();
    this.#sessions.forgetAll();
    this.#rejoins[Symbol.dispose]();
    this.#ownValue = ownUserValue(ownUserId);
  }

  /** Of the session that an earlier process has left. What it knew goes into `table`. */
  restore(ownUserId: string): void {
    this.#ownValue = ownUserValue(ownUserId);
  }

  /** Workers are served from now on: those of an earlier process have time to come back. */
  begin(): void {
    for (const [guildId, seat] of [...this.table.seats]) {
      if (this.#options.mode === 'owner') this.#expectOwners(seat);
      else if (seat.owner !== undefined)
        this.table.set(guildId, { ...seat, owner: undefined, joining: undefined });
    }
  }

  connect(tag: string, listener: VoiceListener): VoiceConnection {
    return this.#sessions.connect(tag, listener, {
      onAway: () => {
        if (this.table.isNamed(tag)) this.#sessions.expect(tag);
      },
      onOver: () => this.end(tag),
    });
  }

  /** Discord has been handed a session's op 4. What it answers comes behind. */
  commanded(session: VoiceSession, { guild_id: guildId, channel_id: channelId }: JoinCommand): void {
    if (channelId === null || !this.#options.hasGuild(guildId)) return;
    const { tag } = session;
    const seat = this.table.seats.get(guildId);
    this.counts.joins++;
    if (tag !== undefined && seat?.channelId === channelId && seat.server && !hasServer(seat, session))
      this.#rejoins.watch(guildId, tag);
    else this.#rejoins.forget(guildId);
    const next = afterJoin(seat, this.#options.mode === 'owner' ? tag : undefined, channelId);
    this.table.set(guildId, next);
    this.#expectOwners(next);
    this.#options.onChanged();
  }

  /** A session is over for good, whatever connections it has. */
  end(tag: string): void {
    this.#sessions.forget(tag);
    this.#release(tag, 'session-ended');
  }

  /** Whom the dispatch in `bytes` is for; `undefined`: everybody. Once for each, in order. */
  audienceOf(
    sequence: number,
    typeId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): string | undefined {
    switch (typeId) {
      case EventTypeId.VoiceStateUpdate:
        // Where nobody has joined, it is another user's, and of a bot without voice nothing is looked at.
        return this.table.seats.size > 0 ? this.#onVoiceState(bytes.subarray(start, end)) : undefined;
      case EventTypeId.VoiceServerUpdate:
        return this.#onVoiceServer(sequence, bytes.subarray(start, end));
      case EventTypeId.GuildDelete:
        this.#onGuildDelete(bytes.subarray(start, end));
        return undefined;
      default:
        return undefined;
    }
  }

  #onGuildDelete(payload: Buffer): void {
    const guildId = this.table.seats.size > 0 ? readRemovedGuild(payload) : undefined;
    if (guildId !== undefined) this.#leave(guildId, 'guild-removed');
  }

  #onVoiceState(payload: Buffer): string | undefined {
    const state = readOwnVoiceState(payload, this.#ownValue);
    if (!state) return undefined;
    const { guildId, channelId } = state;
    const outcome = afterVoiceState(this.table.seats.get(guildId), channelId);
    if (!outcome.seat) this.#leave(guildId, 'left');
    return this.#take(guildId, outcome);
  }

  #onVoiceServer(sequence: number, payload: Buffer): string | undefined {
    const update = readVoiceServer(payload);
    if (!update) return undefined;
    const { guildId, d } = update;
    // Discord has sent one: none is wanting.
    this.#rejoins.forget(guildId);
    return this.#take(guildId, afterVoiceServer(this.table.seats.get(guildId), sequence, d));
  }

  #take(guildId: string, { audience, seat }: Outcome): string | undefined {
    this.table.set(guildId, seat);
    return this.#options.mode === 'owner' ? audience : undefined;
  }

  #leave(guildId: string, reason: ReleaseReason): void {
    const owner = this.table.seats.get(guildId)?.owner;
    this.table.set(guildId, undefined);
    this.#rejoins.forget(guildId);
    if (owner === undefined) return;
    this.#count(reason);
    if (!this.table.isNamed(owner)) this.#sessions.forget(owner);
  }

  #release(tag: string, reason: ReleaseReason): void {
    if (!this.table.isNamed(tag)) return;
    for (const [guildId, seat] of [...this.table.seats]) {
      if (seat.owner === tag) this.#count(reason);
      if (seat.owner === tag || seat.joining?.before === tag)
        this.table.set(guildId, withoutSession(seat, tag));
    }
    this.#options.onChanged();
  }

  /** False: not now. */
  #answer(guildId: string, tag: string): boolean {
    const seat = this.table.seats.get(guildId);
    if (!seat?.server) return true;
    // Behind Discord's own answer: libraries take the server for that of the state before it.
    if (seat.joining || !this.#sessions.tellServer(tag, seat.server.d)) return false;
    this.table.set(guildId, withHolder(seat, tag));
    this.counts.answers++;
    return true;
  }

  #expectOwners({ owner, joining }: VoiceSeat): void {
    for (const tag of [owner, joining?.before]) if (tag !== undefined) this.#sessions.expect(tag);
  }

  #count(reason: ReleaseReason): void {
    this.counts.releases.set(reason, (this.counts.releases.get(reason) ?? 0) + 1);
  }

  [Symbol.dispose](): void {
    this.#sessions[Symbol.dispose]();
    this.#rejoins[Symbol.dispose]();
  }
}
