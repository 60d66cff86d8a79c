/** `d` of READY, RESUMED, HELLO and of what answers commands. https://discord.com/developers/docs/events/gateway-events */
import { Random } from '../random.ts';
import type { Guild } from './guilds.ts';
import { BOT_USER_ID, botUser, member, type User } from './users.ts';

const TRACE = ['["gateway-sim-us-east1-0",{"micros":1000,"calls":["id_created",{"micros":100}]}]'];

export interface ReadyFacts {
  sessionId: string;
  resumeGatewayUrl: string;
  shard: number;
  shards: number;
  applicationId: string;
  guilds: readonly Guild[];
}

export function readyBody(facts: ReadyFacts): unknown {
  return {
    v: 10,
    user_settings: {},
    user: { verified: true, mfa_enabled: true, email: null, flags: 0, bio: '', ...botUser() },
    shard: [facts.shard, facts.shards],
    session_type: 'normal',
    session_id: facts.sessionId,
    resume_gateway_url: facts.resumeGatewayUrl,
    relationships: [],
    private_channels: [],
    presences: [],
    guilds: facts.guilds.map(({ id }) => ({ unavailable: true, id })),
    guild_join_requests: [],
    geo_ordered_rtc_regions: ['frankfurt', 'us-east'],
    game_relationships: [],
    auth: {},
    application: { id: facts.applicationId, flags: 565_248 },
    _trace: TRACE,
  };
}

export function resumedBody(): unknown {
  return { _trace: TRACE };
}

export function helloBody(heartbeatIntervalMs: number): unknown {
  return { heartbeat_interval: heartbeatIntervalMs, _trace: TRACE };
}

export function botVoiceState(guild: Guild, channelId: string | null, sessionId: string): unknown {
  return {
    member: member(botUser(), guild.roleIds, new Random(guild.seed)),
    user_id: BOT_USER_ID,
    suppress: false,
    session_id: sessionId,
    self_video: false,
    self_mute: false,
    self_deaf: false,
    request_to_speak_timestamp: null,
    mute: false,
    deaf: false,
    guild_id: guild.id,
    channel_id: channelId,
  };
}

/** The people a guild answers member requests with: the bot first, then a few others. */
export function membersOf(users: readonly User[], count: number): User[] {
  return [botUser(), ...users.slice(0, count)];
}
