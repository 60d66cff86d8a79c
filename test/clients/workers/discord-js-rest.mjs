/** A bot on discord.js for whom `shardmux rest` is all of Discord's API; it finds the gateway there. As docs/libraries.md says. */
import { Client, Partials } from 'discord.js';
import { complain, fileOf, hear, serve, settings } from './control.mjs';

const { rest, token, intents } = settings;

const client = new Client({ intents, partials: [Partials.Channel], shards: 'auto', rest: { api: rest } });
client.on('raw', (packet, shard) => hear(shard, packet));
for (const event of ['error', 'warn', 'shardError', 'shardDisconnect', 'invalidated'])
  client.on(event, complain);

const ready = new Promise((resolve) => client.once('clientReady', resolve));
client.login(token).catch(complain);

/** What came of each interaction, by the name of its command. */
const answered = new Map();
client.on('interactionCreate', async (interaction) => {
  try {
    if (interaction.commandName === 'reply') await interaction.reply('at once');
    else await interaction.deferReply();
    const original = await interaction.editReply('edited');
    const more = await interaction.followUp('one more');
    answered.set(interaction.commandName, [original.content, more.content]);
  } catch (error) {
    answered.set(interaction.commandName, [String(error)]);
  }
});

const channelOf = ({ channelId }) => client.channels.cache.get(channelId);
const messagesOf = (given) => channelOf(given).messages;
const reduced = ({ id, content }) => ({ id, content });

serve({
  ready,
  answered: ({ name }) => answered.get(name),
  send: async (given) => reduced(await channelOf(given).send(given.content)),
  sendMany: ({ contents, ...given }) =>
    Promise.all(contents.map(async (content) => reduced(await channelOf(given).send(content)))),
  async edit({ messageId, content, ...given }) {
    return reduced(await messagesOf(given).edit(messageId, content));
  },
  async react({ messageId, emojis, ...given }) {
    const message = await messagesOf(given).fetch(messageId);
    await Promise.all(emojis.map((emoji) => message.react(emoji)));
  },
  async reactors({ messageId, emoji, limit, after, ...given }) {
    const message = await messagesOf(given).fetch({ message: messageId, force: true });
    const users = await message.reactions.resolve(emoji).users.fetch({ limit, after });
    return [...users.keys()];
  },
  async messages({ limit, before, ...given }) {
    return [...(await messagesOf(given).fetch({ limit, before })).values()].map(reduced);
  },
  async members({ guildId, limit, after }) {
    return [...(await client.guilds.cache.get(guildId).members.list({ limit, after })).keys()];
  },
  delete: ({ messageId, ...given }) => messagesOf(given).delete(messageId),
  async rename({ name, reason, ...given }) {
    return (await channelOf(given).setName(name, reason)).name;
  },
  async upload({ bytes, ...given }) {
    const { data, sha256 } = fileOf(bytes);
    const message = await channelOf(given).send({ files: [{ attachment: data, name: 'file.bin' }] });
    return { sha256, bytes: message.attachments.first().size };
  },
  async webhook({ content, ...given }) {
    const webhook = await channelOf(given).createWebhook({ name: 'hook' });
    const sent = await webhook.send(content);
    await webhook.editMessage(sent.id, `${content}, edited`);
    return reduced(await webhook.fetchMessage(sent.id));
  },
  /** Status and Discord's code as the library's own error has them. */
  async failure(given) {
    const { name, status, code } = await failureOf(given);
    return { name: name.replace(/\[.*/, ''), status, code };
  },
});

async function failureOf({ call, messageId, ...given }) {
  try {
    const messages = messagesOf(given);
    await (call === 'fetch' ? messages.fetch(messageId) : messages.edit(messageId, 'mine'));
  } catch (error) {
    return error;
  }
  throw new Error(`${call} did not fail`);
}
