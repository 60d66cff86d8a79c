/** A bot on oceanic.js, pointed at shardmux as docs/libraries.md says. */
import { Client } from 'oceanic.js';
import { complain, hear, serve, settings } from './control.mjs';

const { shardmux, rest, token, intents } = settings;

async function getBot() {
  const response = await fetch(`${shardmux}/api/v10/gateway/bot`, {
    headers: { authorization: `Bot ${token}` },
  });
  if (!response.ok) throw new Error(`shardmux: HTTP ${response.status}`);
  const { url, shards, session_start_limit: limit } = await response.json();
  return {
    url,
    shards,
    sessionStartLimit: {
      maxConcurrency: limit.max_concurrency,
      remaining: limit.remaining,
      resetAfter: limit.reset_after,
      total: limit.total,
    },
  };
}

const client = new Client({
  auth: `Bot ${token}`,
  rest: { baseURL: `${rest}/v10` },
  gateway: {
    intents,
    compress: false,
    maxShards: 'auto',
    override: {
      getBot,
      url: async (shard) => `${shardmux.replace('http', 'ws')}/shards/${shard.id}?v=10&encoding=json`,
      timeBetweenShardConnects: 0,
    },
  },
});
client.on('packet', (packet, shard) => hear(shard, packet));
client.on('error', complain);
client.on('warn', complain);

const ready = new Promise((resolve) => client.once('ready', resolve));
client.connect().catch(complain);

serve({
  ready,
  guilds: () => ({
    ...Object.fromEntries(client.unavailableGuilds.map(({ id }) => [id, { id }])),
    ...Object.fromEntries(client.guilds.map((guild) => [guild.id, dump(guild)])),
  }),
  async requestMembers({ guildId, ids, query, limit }) {
    const members = await client.guilds.get(guildId).fetchMembers({ userIDs: ids, query, limit });
    return members.map(({ id }) => id);
  },
  setPresence: ({ name, status }) => client.editStatus(status, [{ name, type: 0 }]),
  joinVoice: ({ guildId, channelId }) => moveTo(guildId, channelId),
  leaveVoice: ({ guildId }) => moveTo(guildId, null),
});

function moveTo(guildId, channelId) {
  client.guilds.get(guildId).shard.updateVoiceState(guildId, channelId, { selfDeaf: false, selfMute: false });
}

/** A guild as it is cached: all ids, and of each object a few fields. */
function dump(guild) {
  const { id, name, ownerID: ownerId, memberCount, description, premiumSubscriptionCount, large } = guild;
  const members = guild.members.toArray();
  return {
    ...{ id, name, ownerId, memberCount, description, premiumSubscriptionCount, large },
    channels: byId(guild.channels, ({ type, parentID, ...channel }) => ({
      type,
      name: channel.name,
      position: channel.position,
      parentId: parentID,
    })),
    threads: byId(guild.threads, (thread) => ({
      type: thread.type,
      parentId: thread.parentID,
      rateLimitPerUser: thread.rateLimitPerUser,
      archived: thread.threadMetadata.archived,
    })),
    roles: byId(guild.roles, (role) => ({ name: role.name, position: role.position, hoist: role.hoist })),
    emojis: byId(guild.emojis, (emoji) => ({ name: emoji.name, animated: emoji.animated })),
    stickers: byId(guild.stickers, (sticker) => ({ name: sticker.name })),
    members: byId(guild.members, (member) => ({
      nick: member.nick,
      // It keeps roles that are gone.
      roles: member.roles.filter((role) => guild.roles.has(role)),
      pending: member.pending,
    })),
    presences: byId(members.filter(isOnline), (member) => ({ status: member.presence.status })),
    voiceStates: byId(
      guild.voiceStates.filter(({ channelID }) => channelID !== null),
      (state) => ({ channelId: state.channelID, selfMute: state.selfMute }),
    ),
    stageInstances: byId(guild.stageInstances, (stage) => ({
      topic: stage.topic,
      channelId: stage.channelID,
    })),
  };
}

function isOnline({ presence }) {
  return presence !== undefined && presence.status !== 'offline';
}

/** Of a collection, or an array. */
function byId(all, render) {
  return Object.fromEntries(all.map((one) => [one.id, render(one)]));
}
