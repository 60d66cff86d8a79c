/** A bot on discordeno, pointed at shardmux as docs/libraries.md says. It has no cache: what is kept here is what its events gave. */
import { createBot, createDesiredPropertiesObject } from '@discordeno/bot';
import { complain, hear, serve, settings } from './control.mjs';

const { shardmux, rest, token, intents } = settings;

/** By id: the guild of the last `guildCreate`, or none where it is out. */
const guilds = new Map();
/** Guilds that READYs named and that nothing was heard of yet. */
const awaited = new Set();
const readyShards = new Set();
let becomeReady;
const ready = new Promise((resolve) => {
  becomeReady = resolve;
});

const silent = () => undefined;
const loggerFactory = () => ({
  debug: silent,
  info: silent,
  warn: (...words) => complain(words.join(' ')),
  error: (...words) => complain(words.join(' ')),
  fatal: (...words) => complain(words.join(' ')),
});

const response = await fetch(`${shardmux}/api/v10/gateway/bot`, {
  headers: { authorization: `Bot ${token}` },
});
if (!response.ok) throw new Error(`shardmux: HTTP ${response.status}`);
const { url, shards } = await response.json();

const bot = createBot({
  token,
  intents,
  // It can't read the presences of a GUILD_CREATE, which don't name their guild.
  desiredProperties: createDesiredPropertiesObject({ guild: { presences: false } }, true),
  loggerFactory,
  rest: { proxy: { baseUrl: rest } },
  gateway: {
    token,
    url,
    totalShards: shards,
    spawnShardDelay: 0,
    connection: {
      url,
      shards,
      sessionStartLimit: { maxConcurrency: shards, remaining: 1000, total: 1000, resetAfter: 86_400_000 },
    },
    resharding: { enabled: false },
    cache: { requestMembers: { enabled: true } },
  },
  events: {
    raw: (packet, shard) => packet.t && hear(shard, packet),
    ready({ shardId, guilds: ids }) {
      readyShards.add(shardId);
      for (const id of ids) awaited.add(String(id));
      checkReady();
    },
    guildCreate: (guild) => know(guild.id, guild),
    guildUnavailable: (id) => know(id, undefined),
    guildDelete: (id) => guilds.delete(String(id)),
  },
});
bot.start().catch(complain);

function know(id, guild) {
  guilds.set(String(id), guild);
  awaited.delete(String(id));
  checkReady();
}

function checkReady() {
  if (readyShards.size === shards && awaited.size === 0) becomeReady();
}

serve({
  ready,
  guilds: () => Object.fromEntries([...guilds].map(([id, guild]) => [id, guild ? dump(guild) : { id }])),
  async requestMembers({ guildId, ids, query, limit }) {
    const members = await bot.gateway.requestMembers(guildId, { userIds: ids, query, limit: limit ?? 0 });
    return members.map(({ user }) => user.id);
  },
  setPresence: ({ name, status }) => bot.gateway.editBotStatus({ status, activities: [{ name, type: 0 }] }),
  joinVoice: ({ guildId, channelId }) =>
    bot.gateway.joinVoiceChannel(guildId, channelId, { selfDeaf: false, selfMute: false }),
  leaveVoice: ({ guildId }) => bot.gateway.leaveVoiceChannel(guildId),
});

/** All ids of a guild, and of each object a few fields. What Discord sends as null, discordeno leaves out. */
function dump(guild) {
  const threads = [...guild.threads.keys()];
  return {
    id: String(guild.id),
    name: guild.name,
    ownerId: String(guild.ownerId),
    memberCount: guild.memberCount,
    description: guild.description ?? null,
    premiumSubscriptionCount: guild.premiumSubscriptionCount,
    large: guild.toggles.large,
    channels: byId(
      guild.channels.filter(({ id }) => !threads.includes(id)),
      (channel) => ({
        ...channelFields(channel),
        name: channel.name,
        position: channel.position,
      }),
    ),
    threads: byId(guild.threads, (thread) => ({
      ...channelFields(thread),
      rateLimitPerUser: thread.rateLimitPerUser,
      archived: thread.archived,
    })),
    roles: byId(guild.roles, ({ name, position, hoist }) => ({ name, position, hoist })),
    emojis: byId(guild.emojis, ({ name, animated }) => ({ name, animated })),
    stickers: byId(guild.stickers, ({ name }) => ({ name })),
    members: byId(guild.members, (member) => ({
      nick: member.nick ?? null,
      roles: member.roles.map(String),
      pending: member.pending,
    })),
    voiceStates: byId(guild.voiceStates, (state) => ({
      channelId: String(state.channelId),
      selfMute: state.toggles.selfMute,
    })),
    stageInstances: byId(new Map(guild.stageInstances.map((stage) => [stage.id, stage])), (stage) => ({
      topic: stage.topic,
      channelId: String(stage.channelId),
    })),
  };
}

function channelFields({ type, parentId }) {
  return { type, parentId: parentId === undefined ? null : String(parentId) };
}

function byId(all, render) {
  return Object.fromEntries([...all].map(([id, one]) => [String(id), render(one)]));
}
