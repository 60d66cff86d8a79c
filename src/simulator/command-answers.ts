/** The dispatches that answer ops 4, 8, 31 and 43. */
import { INTENTS } from '../protocol/intents.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Application } from './application.ts';
import { monotonicMs } from './clock.ts';
import type { Guild } from './payloads/guilds.ts';
import { botVoiceState, membersOf } from './payloads/ready.ts';
import { member, type User } from './payloads/users.ts';
import { Random } from './random.ts';
import type { Command, MemberRequest, VoiceStateUpdate } from './rules/client-payloads.ts';
import type { Session } from './session.ts';

/** A nonce may have this many bytes; a longer one is ignored. */
const MAX_NONCE_BYTES = 32;

/** People besides the bot in an answered guild: two chunks of it. */
const ANSWERED_MEMBERS = 30;
const MEMBERS_PER_CHUNK = 16;

export function answerCommand(application: Application, session: Session, command: Command): void {
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
  dispatch(session, 'VOICE_STATE_UPDATE', botVoiceState(guild, request.channel_id, session.id));
  if (request.channel_id === null) return;
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
  const isFull = request.query === '' && request.limit === 0;
  const nonce = checkedNonce(application, session, request.nonce);
  if (isFull && (session.intents & INTENTS.GUILD_MEMBERS) === 0) {
    application.violations.add('member-request-intents', session.shard, 'all members without GUILD_MEMBERS');
    return;
  }
  const waitMs = isFull ? application.shard(session.shard).memberRequests.admit(guildId, monotonicMs()) : 0;
  if (waitMs > 0) {
    application.violations.add('member-request-rate', session.shard, `guild ${guildId} again too soon`);
    const meta = { guild_id: guildId, ...nonce };
    return dispatch(session, 'RATE_LIMITED', { opcode: 8, retry_after: waitMs / 1000, meta });
  }
  dispatchChunks(application, session, guild, request, nonce);
}

function dispatchChunks(
  application: Application,
  session: Session,
  guild: Guild,
  request: MemberRequest,
  nonce: { nonce?: string },
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

function checkedNonce(
  application: Application,
  session: Session,
  nonce: string | undefined,
): { nonce?: string } {
  if (nonce === undefined) return {};
  if (Buffer.byteLength(nonce) <= MAX_NONCE_BYTES) return { nonce };
  application.violations.add('nonce-size', session.shard, `${Buffer.byteLength(nonce)} bytes`);
  return {};
}

/** The guild, where it is this shard's. One that the bot has left meanwhile is no fault of the client's. */
function guildOf(application: Application, session: Session, guildId: string): Guild | undefined {
  const shard = Number((BigInt(guildId) >> 22n) % BigInt(application.shards.length));
  if (shard !== session.shard) {
    application.violations.add(
      'guild-of-another-shard',
      session.shard,
      `guild ${guildId} is of shard ${shard}`,
    );
    return undefined;
  }
  return application.shard(session.shard).guilds.find(guildId);
}

function dispatch(session: Session, t: string, d: unknown): void {
  session.dispatch(t, JSON.stringify(d));
}
