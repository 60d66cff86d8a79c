/** The dispatches that answer ops 4, 8, 31 and 43 where the guilds' true state is known. */
import { INTENTS } from '../protocol/intents.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Application } from './application.ts';
import { admitsMemberRequest, checkedNonce, guildOf, type Nonce } from './command-checks.ts';
import { BOT_USER_ID } from './payloads/users.ts';
import type {
  ChannelInfoRequest,
  Command,
  MemberRequest,
  SoundboardRequest,
  VoiceStateUpdate,
} from './rules/client-payloads.ts';
import type { Session } from './session.ts';
import { type Entity, type LiveGuild, text, userIdOf } from './state/entities.ts';
import { voiceLeave, voiceUpdate } from './state/member-happenings.ts';
import { isVoice, voiceStateOf } from './state/objects.ts';
import type { ShardState } from './state/shard-state.ts';

/** https://discord.com/developers/docs/events/gateway-events#request-guild-members */
const MEMBERS_PER_CHUNK = 1_000;
/** Members that a search by name finds at most. */
const MAX_NAMED = 100;

export function answerLive(
  application: Application,
  session: Session,
  state: ShardState,
  command: Command,
): void {
  const liveGuild = (guildId: string) => {
    const guild = guildOf(application, session, guildId) && state.find(guildId);
    return guild?.isAvailable === true ? guild : undefined;
  };
  switch (command.op) {
    case Opcode.PresenceUpdate:
      return;
    case Opcode.VoiceStateUpdate:
      return answerVoice(session, state, liveGuild(command.d.guild_id), command.d);
    case Opcode.RequestGuildMembers: {
      const [guildId] = [command.d.guild_id].flat();
      return answerMembers(application, session, liveGuild(guildId ?? ''), command.d);
    }
    case Opcode.RequestSoundboardSounds:
      return answerSounds(session, command.d, liveGuild);
    case Opcode.RequestChannelInfo:
      return answerChannelInfo(session, liveGuild(command.d.guild_id), command.d);
  }
}

function dispatch(session: Session, t: string, d: Entity): void {
  session.dispatch(t, JSON.stringify(d));
}

/** Joins, moves or leaves. Leaving where the bot is not, and channels that are none of voice, go unanswered. */
function answerVoice(
  session: Session,
  state: ShardState,
  guild: LiveGuild | undefined,
  request: VoiceStateUpdate,
): void {
  if (!guild) return;
  const current = guild.lists.voice_states.get(BOT_USER_ID);
  if (request.channel_id === null) {
    if (current) state.emit(guild, [voiceLeave({ guild }, current)], session);
    return;
  }
  const channel = guild.lists.channels.get(request.channel_id);
  if (!channel || !isVoice(channel)) return;
  const { self_mute, self_deaf } = request;
  const voice = voiceStateOf(BOT_USER_ID, request.channel_id, session.id, { self_mute, self_deaf });
  state.emit(guild, [voiceUpdate({ guild }, voice)], session);
  if (current?.['channel_id'] === request.channel_id) return;
  const { id } = guild.identity;
  dispatch(session, 'VOICE_SERVER_UPDATE', { token: 'voice', guild_id: id, endpoint: 'voice.invalid:443' });
}

function answerMembers(
  application: Application,
  session: Session,
  guild: LiveGuild | undefined,
  request: MemberRequest,
): void {
  if (!guild) return;
  const nonce = checkedNonce(application, session, request.nonce);
  if (request.query === '' && request.limit !== 0 && (session.intents & INTENTS.GUILD_MEMBERS) === 0) {
    application.violations.add('member-request-intents', session.shard, 'any members without GUILD_MEMBERS');
    return;
  }
  if (!admitsMemberRequest(application, session, request, guild.identity.id, nonce)) return;
  dispatchChunks(session, guild, request, nonce);
}

/** Presences come only to those who have their intent. */
function dispatchChunks(session: Session, guild: LiveGuild, request: MemberRequest, nonce: Nonce): void {
  const { found, notFound } = select(guild, request);
  const hasPresences = request.presences === true && (session.intents & INTENTS.GUILD_PRESENCES) !== 0;
  const chunkCount = Math.max(1, Math.ceil(found.length / MEMBERS_PER_CHUNK));
  for (let index = 0; index < chunkCount; index += 1) {
    const members = found.slice(index * MEMBERS_PER_CHUNK, (index + 1) * MEMBERS_PER_CHUNK);
    const presences = members.flatMap((member) => guild.lists.presences.get(userIdOf(member)) ?? []);
    dispatch(session, 'GUILD_MEMBERS_CHUNK', {
      not_found: notFound,
      members,
      guild_id: guild.identity.id,
      chunk_index: index,
      chunk_count: chunkCount,
      ...(hasPresences ? { presences } : {}),
      ...nonce,
    });
  }
}

function select({ lists }: LiveGuild, request: MemberRequest): { found: Entity[]; notFound: string[] } {
  if (request.user_ids !== undefined) {
    const wanted = [...new Set([request.user_ids].flat())];
    const found = wanted.map((id) => lists.members.get(id)).filter((member) => member !== undefined);
    return { found, notFound: wanted.filter((id) => !lists.members.has(id)) };
  }
  const members = [...lists.members.values()];
  const { query = '', limit = 0 } = request;
  if (query === '') return { found: limit === 0 ? members : members.slice(0, limit), notFound: [] };
  const found = members.filter((member) => isNamed(member, query.toLowerCase()));
  return { found: found.slice(0, Math.min(limit || MAX_NAMED, MAX_NAMED)), notFound: [] };
}

function isNamed(member: Entity, prefix: string): boolean {
  const user = member['user'] as Entity;
  return [text(user, 'username'), text(member, 'nick')].some((name) => name.toLowerCase().startsWith(prefix));
}

function answerSounds(
  session: Session,
  request: SoundboardRequest,
  liveGuild: (guildId: string) => LiveGuild | undefined,
): void {
  for (const guildId of request.guild_ids) {
    const guild = liveGuild(guildId);
    if (!guild) continue;
    const sounds = [...guild.lists.soundboard_sounds.values()];
    dispatch(session, 'SOUNDBOARD_SOUNDS', { soundboard_sounds: sounds, guild_id: guildId });
  }
}

/** The voice channels, with the fields that were asked for. */
function answerChannelInfo(
  session: Session,
  guild: LiveGuild | undefined,
  { fields }: ChannelInfoRequest,
): void {
  if (!guild) return;
  const voiceChannels = [...guild.lists.channels].filter(([, channel]) => isVoice(channel));
  const channels = voiceChannels.map(([id, channel]) => ({
    id,
    ...(fields.includes('status') ? { status: channel['status'] ?? null } : {}),
    ...(fields.includes('voice_start_time')
      ? { voice_start_time: guild.voiceStartTimes.get(id) ?? null }
      : {}),
  }));
  dispatch(session, 'CHANNEL_INFO', { guild_id: guild.identity.id, channels });
}
