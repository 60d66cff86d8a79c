/**
 * What the workers ask for: kinds of requests, each with a limit of Discord's of its own, in the proportions of a bot that does a
 * bit of everything. All of them count against the global limit. Pure.
 */
import type { BucketName } from '../../src/simulator/index.ts';

/** Where requests go. */
export interface Place {
  readonly guildId: string;
  readonly channelId: string;
  /** In that channel, and the bot's own. */
  readonly messageId: string;
  readonly botId: string;
}

export interface RequestKind {
  /** The simulator's name of its limit, which is counted for each channel or guild. */
  readonly limit: BucketName;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** After `/api/v10`. */
  readonly path: (place: Place) => string;
  readonly body?: object;
  /** The status that tells that Discord has carried it out. */
  readonly status: number;
  /** So many of a hundred buckets are of this kind. */
  readonly share: number;
}

/** A message of yesterday is neither young nor old, which are limits of their own. */
const YESTERDAY_MS = 86_400_000;
const DISCORD_EPOCH_MS = 1_420_070_400_000;
const SNOWFLAKE_SHIFT = 22n;

/** Of nobody's message: deleting it counts like any other deletion, and is answered with 404. */
const NOBODYS_MESSAGE = String(BigInt(Date.now() - YESTERDAY_MS - DISCORD_EPOCH_MS) << SNOWFLAKE_SHIFT);

const message = ({ channelId, messageId }: Place) => `/channels/${channelId}/messages/${messageId}`;

export const KINDS: readonly RequestKind[] = [
  {
    ...{ limit: 'create-message', method: 'POST', status: 200, share: 20, body: { content: 'soak' } },
    path: ({ channelId }) => `/channels/${channelId}/messages`,
  },
  // Has the same `X-RateLimit-Bucket` as creating messages, and is counted apart.
  {
    limit: 'edit-message',
    method: 'PATCH',
    status: 200,
    share: 20,
    body: { content: 'edit' },
    path: message,
  },
  {
    ...{ limit: 'delete-message', method: 'DELETE', status: 404, share: 6 },
    path: ({ channelId }) => `/channels/${channelId}/messages/${NOBODYS_MESSAGE}`,
  },
  {
    ...{ limit: 'reactions', method: 'PUT', status: 204, share: 6 },
    path: (place) => `${message(place)}/reactions/${encodeURIComponent('👍')}/@me`,
  },
  {
    // Neither name nor topic, which have a hidden limit.
    ...{ limit: 'change-channel', method: 'PATCH', status: 200, share: 8, body: { nsfw: true } },
    path: ({ channelId }) => `/channels/${channelId}`,
  },
  {
    ...{ limit: 'typing', method: 'POST', status: 204, share: 8 },
    path: ({ channelId }) => `/channels/${channelId}/typing`,
  },
  {
    ...{ limit: 'read-guild', method: 'GET', status: 200, share: 10 },
    path: ({ guildId }) => `/guilds/${guildId}`,
  },
  // Has the same `X-RateLimit-Bucket` as reading a guild, and is counted apart.
  {
    ...{ limit: 'read-guild-channels', method: 'GET', status: 200, share: 8 },
    path: ({ guildId }) => `/guilds/${guildId}/channels`,
  },
  {
    ...{ limit: 'member-roles', method: 'PUT', status: 204, share: 8 },
    path: ({ guildId, botId }) => `/guilds/${guildId}/members/${botId}/roles/${guildId}`,
  },
  {
    ...{ limit: 'bans', method: 'PUT', status: 204, share: 6 },
    path: ({ guildId }) => `/guilds/${guildId}/bans/${NOBODYS_MESSAGE}`,
  },
];

/** How many places so many buckets need: no two of a kind are in one. */
export function placesFor(buckets: number): number {
  const [largest = 0] = KINDS.map(({ share }) => share).sort((a, b) => b - a);
  return Math.ceil((buckets * largest) / 100) + 1;
}
