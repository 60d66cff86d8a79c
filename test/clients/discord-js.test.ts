import { DISCORD_JS } from './discord-js-rules.ts';
import { describeLibrary } from './matrix.ts';

describeLibrary({
  name: 'discord.js',
  registry: 'npm',
  command: [process.execPath, new URL('workers/discord-js.mjs', import.meta.url).pathname],
  rules: DISCORD_JS,
  // It handles what comes before it is ready late, and lets what comes then overtake it.
  follows: 'once ready',
});
