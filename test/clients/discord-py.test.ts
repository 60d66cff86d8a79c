import { fewFields } from './few-fields-rules.ts';
import { describeLibrary } from './matrix.ts';

describeLibrary({
  name: 'discord.py',
  registry: 'python',
  command: [
    new URL('.venv/bin/python', import.meta.url).pathname,
    new URL('workers/discord_py.py', import.meta.url).pathname,
  ],
  rules: fewFields({}),
  hasCaches: true,
  harmless: /PyNaCl is not installed|davey is not installed/,
});
