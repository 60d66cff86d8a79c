/** What shardmux must know of a bot: the section `discord`, and for several bots each entry of `applications`. */
import { z } from 'zod';
import { TRANSPORT_COMPRESSIONS } from '../protocol/compression.ts';
import { botToken, choice, integer, text, url } from './scalar-kinds.ts';
import { optional, setting } from './setting.ts';
import { intents, presence, shardCount } from './structured-kinds.ts';

export const discord = z.strictObject({
  token: optional(
    botToken(),
    'The bot token; a leading `Bot ` is dropped. For several bots see `applications`.',
    '**required**',
  ),
  tokenFile: optional(text('path'), 'A file that holds the bot token, instead of `discord.token`.'),
  apiUrl: setting(url(['http', 'https']), {
    default: 'https://discord.com/api/v10',
    description: "Where Discord's REST API is; `GET /gateway/bot` is asked there.",
  }),
  egressUrl: optional(
    url(['http', 'https']),
    'Where REST requests go in place of the host of `apiUrl`, which they name in `Host`: an HAProxy as the only way out, with haproxy/egress.cfg. Its path is not used.',
  ),
  tlsCaFile: optional(
    text('path'),
    'The certificates that may sign that of `apiUrl`, or of `egressUrl`; left out, those that Node comes with.',
  ),
  gatewayUrl: optional(url(['ws', 'wss']), "Where Discord's gateway is; left out, `GET /gateway/bot` tells."),
  intents: setting(intents(), {
    default: 'UNPRIVILEGED',
    description:
      "The intents of the bot's upstream sessions: an integer, or names, `UNPRIVILEGED` and `ALL` among them.",
  }),
  shardCount: setting(shardCount(), {
    default: 'auto',
    description: 'How many shards the bot has; `auto` takes what Discord recommends.',
  }),
  compression: setting(choice(TRANSPORT_COMPRESSIONS), {
    default: 'zstd-stream',
    description: 'How Discord compresses what it sends us.',
  }),
  presence: optional(presence(), "The bot's presence, sent with each IDENTIFY."),
  largeThreshold: optional(
    integer({ min: 50, max: 250 }),
    'How many members a guild has before Discord leaves the offline ones out.',
  ),
  identifyReserve: setting(integer({ min: 0, max: 1_000 }), {
    default: 10,
    description: "How many IDENTIFYs of Discord's daily budget are kept back.",
  }),
});

export type DiscordSettings = Readonly<z.output<typeof discord>>;
