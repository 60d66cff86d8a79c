import { fewFields } from './few-fields-rules.ts';
import { describeLibrary } from './matrix.ts';

describeLibrary({
  name: 'oceanic.js',
  registry: 'npm',
  command: [process.execPath, new URL('workers/oceanic.mjs', import.meta.url).pathname],
  rules: fewFields({
    absent: ['guild_scheduled_events', 'soundboard_sounds'],
    stale: {
      threads: 'THREAD_LIST_SYNC removes none, and CHANNEL_DELETE none of its own',
      voice_states: 'GUILD_MEMBER_REMOVE leaves them',
    },
  }),
  follows: 'from READY',
  // Of sessions that don't begin at 1, and of the numbers of answers to other workers.
  harmless: /^Non-consecutive sequence/,
});
