/** A bot on oceanic.js for whom `shardmux rest` is all of Discord's API; it finds the gateway there. As docs/libraries.md says. */
import { Client } from 'oceanic.js';
import { complain, fileOf, hear, serve, settings } from './control.mjs';

const { rest, token, intents } = settings;

const client = new Client({
  auth: `Bot ${token}`,
  rest: { baseURL: `${rest}/v10` },
  gateway: { intents, compress: false, maxShards: 'auto', concurrency: 'auto' },
});
client.on('packet', (packet, shard) => hear(shard, packet));
client.on('error', complain);
client.on('warn', complain);

const ready = new Promise((resolve) => client.once('ready', resolve));
client.connect().catch(complain);

/** What came of each interaction, by the name of its command. */
const answered = new Map();
client.on('interactionCreate', async (interaction) => {
  const { name } = interaction.data;
  try {
    if (name === 'reply') await interaction.createMessage({ content: 'at once' });
    else await interaction.defer();
    const original = await interaction.editOriginal({ content: 'edited' });
    const followUp = await interaction.createFollowup({ content: 'one more' });
    answered.set(name, [original.content, (await followUp.getMessage()).content]);
  } catch (error) {
    answered.set(name, [String(error)]);
  }
});

const { channels, guilds, webhooks } = client.rest;
const reduced = ({ id, content }) => ({ id, content });
const send = async (channelId, content) =>
  reduced(await client.getChannel(channelId).createMessage({ content }));

serve({
  ready,
  answered: ({ name }) => answered.get(name),
  send: ({ channelId, content }) => send(channelId, content),
  sendMany: ({ channelId, contents }) => Promise.all(contents.map((content) => send(channelId, content))),
  async edit({ channelId, messageId, content }) {
    return reduced(await channels.editMessage(channelId, messageId, { content }));
  },
  react: async ({ channelId, messageId, emojis }) => {
    await Promise.all(emojis.map((emoji) => channels.createReaction(channelId, messageId, emoji)));
  },
  async reactors({ channelId, messageId, emoji, limit, after }) {
    const users = await channels.getReactions(channelId, messageId, emoji, { limit, after });
    return users.map(({ id }) => id);
  },
  async messages({ channelId, limit, before }) {
    return (await channels.getMessages(channelId, { limit, before })).map(reduced);
  },
  async members({ guildId, limit, after }) {
    return (await guilds.getMembers(guildId, { limit, after })).map(({ id }) => id);
  },
  delete: ({ channelId, messageId }) => channels.deleteMessage(channelId, messageId),
  async rename({ channelId, name, reason }) {
    return (await client.getChannel(channelId).edit({ name, reason })).name;
  },
  async upload({ channelId, bytes }) {
    const { data, sha256 } = fileOf(bytes);
    const files = [{ contents: data, name: 'file.bin' }];
    const message = await client.getChannel(channelId).createMessage({ files });
    return { sha256, bytes: message.attachments.first().size };
  },
  async webhook({ channelId, content }) {
    const webhook = await webhooks.create(channelId, { name: 'hook' });
    const sent = await webhook.execute({ content, wait: true });
    await webhook.editMessage(sent.id, { content: `${content}, edited` });
    return reduced(await webhook.getMessage(sent.id));
  },
  /** Status and Discord's code as the library's own error has them. */
  async failure(given) {
    const { name, status, code } = await failureOf(given);
    return { name, status, code };
  },
});

async function failureOf({ call, channelId, messageId }) {
  try {
    if (call === 'fetch') await channels.getMessage(channelId, messageId);
    else await channels.editMessage(channelId, messageId, { content: 'mine' });
  } catch (error) {
    return error;
  }
  throw new Error(`${call} did not fail`);
}
