import { describeRest } from './rest-matrix.ts';

describeRest({
  name: 'discord.py',
  registry: 'python',
  command: [
    new URL('.venv/bin/python', import.meta.url).pathname,
    new URL('workers/discord_py_rest.py', import.meta.url).pathname,
  ],
  // Whoever waits in its queue and finds no place goes to the end of it.
  isOrdered: false,
  // Voice is not carried here.
  harmless: /PyNaCl is not installed|davey is not installed/,
  errors: { notFound: 'NotFound', forbidden: 'Forbidden', unavailable: 'DiscordServerError' },
});
