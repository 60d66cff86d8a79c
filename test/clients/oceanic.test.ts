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
  hasCaches: true,
  // A session begins at the sequence of the shard, not at 1.
  harmless: /^Non-consecutive sequence \(0 -> \d+\)$/,
});
