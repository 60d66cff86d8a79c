/** A bot on discord.js, pointed at shardmux as docs/libraries.md says. */
import { BitField, Client, Partials, REST, SimpleShardingStrategy } from 'discord.js';
import { complain, hear, serve, settings } from './control.mjs';

const { shardmux, rest, token, intents } = settings;

const client = new Client({
  intents,
  partials: [Partials.Channel],
  shards: 'auto',
  rest: { api: rest },
  ws: {
    buildStrategy(manager) {
      manager.options.compression = null;
      manager.options.rest = new REST({ api: `${shardmux}/api` }).setToken(token);
      return new SimpleShardingStrategy(manager);
    },
  },
});
client.on('raw', (packet, shard) => hear(shard, packet));
for (const event of ['error', 'warn', 'shardError', 'shardDisconnect', 'invalidated'])
  client.on(event, complain);

const ready = new Promise((resolve) => client.once('clientReady', resolve));
client.login(token).catch(complain);

serve({
  ready,
  guilds: () => Object.fromEntries(client.guilds.cache.map((guild) => [guild.id, dump(guild)])),
  async requestMembers({ guildId, ids, query, limit }) {
    const options = ids ? { user: ids } : query !== undefined ? { query, limit } : undefined;
    const members = await client.guilds.cache.get(guildId).members.fetch(options);
    return [...members.keys()];
  },
  setPresence: ({ name, status }) => void client.user.setPresence({ status, activities: [{ name }] }),
  joinVoice: ({ guildId, channelId }) => void moveTo(guildId, channelId),
  leaveVoice: ({ guildId }) => void moveTo(guildId, null),
});

/** As @discordjs/voice does it. */
function moveTo(guildId, channelId) {
  const adapter = client.guilds.cache
    .get(guildId)
    .voiceAdapterCreator({ onVoiceServerUpdate() {}, onVoiceStateUpdate() {}, destroy() {} });
  adapter.sendPayload({
    op: 4,
    d: { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: false },
  });
}

/** A guild as it is cached, list by list, under discord.js' own names. */
function dump(guild) {
  // Of a guild that is out from the beginning not even the lists exist.
  if (!guild.available) return plain(guild);
  const channels = guild.channels.cache;
  // After an outage those that were archived are in the client's list alone.
  const threads = client.channels.cache.filter(
    (channel) => channel.isThread() && channel.guildId === guild.id,
  );
  return {
    ...plain(guild),
    channels: byId(
      channels.filter((channel) => !channel.isThread()),
      (channel) => ({
        ...plain(channel),
        permissionOverwrites: [...(channel.permissionOverwrites?.cache.values() ?? [])].map(plain),
      }),
    ),
    threads: byId(threads, (thread) => ({
      ...plain(thread),
      me: thread.members.me && plain(thread.members.me),
    })),
    roles: byId(guild.roles.cache),
    emojis: byId(guild.emojis.cache, (emoji) => ({ ...plain(emoji), roles: [...emoji.roles.cache.keys()] })),
    stickers: byId(guild.stickers.cache),
    members: byId(guild.members.cache, (member) => ({
      ...plain(member),
      user: plain(member.user),
      // The role that everybody has is none that Discord lists.
      roles: [...member.roles.cache.keys()].filter((id) => id !== guild.id),
    })),
    presences: byId(guild.presences.cache),
    voiceStates: byId(guild.voiceStates.cache),
    stageInstances: byId(guild.stageInstances.cache),
    scheduledEvents: byId(guild.scheduledEvents.cache, (event) => ({
      ...plain(event),
      creator: plain(event.creator),
    })),
    soundboardSounds: byId(guild.soundboardSounds.cache, (sound) => ({
      ...plain(sound),
      emoji: sound.emoji && { id: sound.emoji.id, name: sound.emoji.name },
    })),
  };
}

function byId(cache, render = plain) {
  return Object.fromEntries(cache.map((one, id) => [id, render(one)]));
}

/** The properties that an object has of its own; what it refers to, by id. */
function plain(object) {
  const entries = Object.entries(object).filter(([key, value]) => !key.startsWith('_') && !value?.cache);
  return Object.fromEntries(entries.map(([key, value]) => [key, plainValue(value)]));
}

function plainValue(value) {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.getTime();
  if (value instanceof BitField) return String(value.bitfield);
  if (Array.isArray(value)) return value.map(plainValue);
  if (value.client && value.id) return value.id;
  return plain(value);
}
