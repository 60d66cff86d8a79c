import { describeRest } from './rest-matrix.ts';

describeRest({
  name: 'discord.js',
  registry: 'npm',
  command: [process.execPath, new URL('workers/discord-js-rest.mjs', import.meta.url).pathname],
  isOrdered: true,
  errors: { notFound: 'DiscordAPIError', forbidden: 'DiscordAPIError', unavailable: 'HTTPError' },
});
