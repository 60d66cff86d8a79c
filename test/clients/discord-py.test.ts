import { fewFields } from './few-fields-rules.ts';
import { describeLibrary } from './matrix.ts';

describeLibrary({
  name: 'discord.py',
  registry: 'python',
  command: [
    new URL('.venv/bin/python', import.meta.url).pathname,
    new URL('workers/discord_py.py', import.meta.url).pathname,
  ],
  rules: fewFields({
    staleAfterOutage: {
      lists: [
        'channels',
        'threads',
        'members',
        'presences',
        'voice_states',
        'stage_instances',
        'guild_scheduled_events',
        'soundboard_sounds',
      ],
      why: 'GUILD_CREATE adds to what there was',
    },
  }),
  follows: 'from READY',
  // Voice is not carried here. And on a busy machine the members of a guild may take longer than the 5 s that it waits for them.
  harmless: /PyNaCl is not installed|davey is not installed|timed out waiting for chunks/,
});
