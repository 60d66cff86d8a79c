import { fewFields } from './few-fields-rules.ts';
import { describeLibrary } from './matrix.ts';

describeLibrary({
  name: 'discordeno',
  registry: 'npm',
  command: [process.execPath, new URL('workers/discordeno.mjs', import.meta.url).pathname],
  rules: fewFields({ absent: ['presences', 'guild_scheduled_events', 'soundboard_sounds'] }),
  follows: 'never',
});
