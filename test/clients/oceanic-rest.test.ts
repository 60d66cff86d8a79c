import { describeRest } from './rest-matrix.ts';

describeRest({
  name: 'oceanic.js',
  registry: 'npm',
  command: [process.execPath, new URL('workers/oceanic-rest.mjs', import.meta.url).pathname],
  isOrdered: true,
  errors: { notFound: 'DiscordRESTError', forbidden: 'DiscordRESTError', unavailable: 'DiscordRESTError' },
});
