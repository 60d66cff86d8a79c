/** What `--help` says. */
import { type FlagSpecs, flagLines } from './flags.ts';

export const COMMANDS = {
  gateway: 'hold the shards of your bot; your workers connect here instead of to Discord',
  rest: "take your workers' REST requests and send them to Discord within its limits",
  simulate: 'be a Discord to try things on: no account, no token, no internet',
} as const;

export type CommandName = keyof typeof COMMANDS;

export const GATEWAY_FLAGS: FlagSpecs = {
  config: { value: '<path>', description: 'A YAML file with settings; the environment goes before it.' },
};

export const REST_FLAGS: FlagSpecs = GATEWAY_FLAGS;

export const HELP = `shardmux holds the gateway shards of a Discord bot, so that the bot's workers never touch Discord.
Restart your workers as often as you like: Discord sees no new IDENTIFY, and the workers miss no event.

Run it for your bot (the token is on the "Bot" page of https://discord.com/developers/applications):

  SHARDMUX_DISCORD_TOKEN=… shardmux gateway

Then let each worker connect to ws://this-host:7777/shards/<shard id> in place of wss://gateway.discord.gg.

Commands:
${Object.entries(COMMANDS)
  .map(([name, what]) => `  shardmux ${name.padEnd(9)} ${what}\n`)
  .join('')}
  shardmux <command> --help   what a command does, and its flags
  shardmux --version          which version this is

Settings are environment variables (SHARDMUX_…) or a YAML file; docs/configuration.md lists them all.
`;

export const GATEWAY_HELP = `shardmux gateway: ${COMMANDS.gateway}.

The shortest way to run it:

  SHARDMUX_DISCORD_TOKEN=… shardmux gateway

With a file for the other settings:

  SHARDMUX_DISCORD_TOKEN=… shardmux gateway --config shardmux.yaml

Flags:
${flagLines(GATEWAY_FLAGS)}
Workers connect to port 7777 (SHARDMUX_WORKERS_PORT), at /shards/<shard id>, and IDENTIFY with the bot token, or with a token
of their own from SHARDMUX_WORKERS_TOKENS. How the node is: http://127.0.0.1:9464/readyz and /metrics.
Stop it with SIGTERM or Ctrl-C: it keeps its sessions with Discord and resumes them at the next start.
All settings: docs/configuration.md

Exit codes: 0 stopped when asked to, 1 something broke (the log says what), 2 a wrong flag or setting.
`;

export const REST_HELP = `shardmux rest: ${COMMANDS.rest}.

The shortest way to run it:

  SHARDMUX_DISCORD_TOKEN=… shardmux rest

Then set the API address of your workers' library to http://this-host:7780/api in place of https://discord.com/api.

Flags:
${flagLines(REST_FLAGS)}
Workers send the bot token, or a token of their own from SHARDMUX_WORKERS_TOKENS; what goes to Discord has the bot token. Requests wait
until Discord's limits let them go. How it is: http://127.0.0.1:9465/readyz and /metrics.
Stop it with SIGTERM or Ctrl-C: what is in flight is answered first. It keeps how far limits are used in ./shardmux-state/rest.
All settings: docs/configuration.md

Exit codes: 0 stopped when asked to, 1 something broke (the log says what), 2 a wrong flag or setting.
`;
