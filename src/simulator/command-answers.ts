/** The dispatches that answer ops 4, 8, 31 and 43. */
import { Opcode } from '../protocol/opcodes.ts';
import type { Application } from './application.ts';
import { admitsMemberRequest, checkedNonce, guildOf, type Nonce } from './command-checks.ts';
import { answerLive } from './live-answers.ts';
import type { Guild } from './payloads/guilds.ts';
import { botVoiceState, membersOf } from './payloads/ready.ts';
import { member, type User } from './payloads/users.ts';
import { Random } from './random.ts';
import type { Command, MemberRequest, VoiceStateUpdate } from './rules/client-payloads.ts';
import type { Session } from './session.ts';

/** People besides the bot in an answered guild: two chunks of it. */
const ANSWERED_MEMBERS = 30;
const MEMBERS_PER_CHUNK = 16;

export function answerCommand(application: Application, session: Session, command: Command): void {
  const { state } = application.shard(session.shard);
  if (state) return answerLive(application, session, state, command);
  switch (command.op) {
    case Opcode.PresenceUpdate:
      return;
    case Opcode.VoiceStateUpdate:
      return answerVoice(application, session, command.d);
    case Opcode.RequestGuildMembers:
      return answerMembers(application, session, command.d);
    case Opcode.RequestSoundboardSounds:
      for (const guildId of command.d.guild_ids) {
        if (!guildOf(application, session, guildId)) continue;
        dispatch(session, 'SOUNDBOARD_SOUNDS', { soundboard_sounds: [], guild_id: guildId });
      }
      return;
    case Opcode.RequestChannelInfo: {
      const guild = guildOf(application, session, command.d.guild_id);
      if (!guild) return;
      const channels = [{ id: guild.voiceChannelId, status: 'playing', voice_start_time: 1_785_000_000 }];
      return dispatch(session, 'CHANNEL_INFO', { guild_id: guild.id, channels });
    }
  }
}

function answerVoice(application: Application, session: Session, request: VoiceStateUpdate): void {
  const guild = guildOf(application, session, request.guild_id);
  if (!guild) return;
  const before = session.voiceChannels.get(guild.id);
  dispatch(session, 'VOICE_STATE_UPDATE', botVoiceState(guild, request.channel_id, session.id));
  if (request.channel_id === null) {
    session.voiceChannels.delete(guild.id);
    return;
  }
  session.voiceChannels.set(guild.id, request.channel_id);
  // Nor does Discord send a server where the channel stays: https://github.com/serenity-rs/songbird/pull/47
  if (before === request.channel_id) return;
  dispatch(session, 'VOICE_SERVER_UPDATE', {
    token: 'voice',
    guild_id: guild.id,
    endpoint: 'voice.invalid:443',
  });
}

function answerMembers(application: Application, session: Session, request: MemberRequest): void {
  const guildId = typeof request.guild_id === 'string' ? request.guild_id : request.guild_id[0];
  const guild = guildOf(application, session, guildId);
  if (!guild) return;
  const nonce = checkedNonce(application, session, request.nonce);
  if (!admitsMemberRequest(application, session, request, guildId, nonce)) return;
  dispatchChunks(application, session, guild, request, nonce);
}

function dispatchChunks(
  application: Application,
  session: Session,
  guild: Guild,
  request: MemberRequest,
  nonce: Nonce,
): void {
  const people = membersOf(application.users, ANSWERED_MEMBERS);
  const { found, notFound } = select(people, request);
  const random = new Random(guild.seed);
  const chunkCount = Math.max(1, Math.ceil(found.length / MEMBERS_PER_CHUNK));
  for (let index = 0; index < chunkCount; index += 1) {
    const chunk = found.slice(index * MEMBERS_PER_CHUNK, (index + 1) * MEMBERS_PER_CHUNK);
    dispatch(session, 'GUILD_MEMBERS_CHUNK', {
      not_found: notFound,
      members: chunk.map((user) => member(user, guild.roleIds, random)),
      guild_id: guild.id,
      chunk_index: index,
      chunk_count: chunkCount,
      ...(request.presences ? { presences: [] } : {}),
      ...nonce,
    });
  }
}

function select(people: User[], request: MemberRequest): { found: User[]; notFound: string[] } {
  if (request.user_ids !== undefined) {
    const wanted = typeof request.user_ids === 'string' ? [request.user_ids] : request.user_ids;
    const found = people.filter((user) => wanted.includes(user.id));
    return { found, notFound: wanted.filter((id) => !found.some((user) => user.id === id)) };
  }
  const named = people.filter((user) => user.username.startsWith(request.query ?? ''));
  return { found: request.limit ? named.slice(0, request.limit) : named, notFound: [] };
}

function dispatch(session: Session, t: string, d: unknown): void {
  session.dispatch(t, JSON.stringify(d));
}
