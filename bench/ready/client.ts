/**
 * A process with a whole bot in it, as discord.js makes it: all shards, all caches. Gets one line of JSON on its stdin, connects, and
 * prints a line when it begins and one when it is ready.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { monotonicUs } from '../deployment/monotonic.ts';
import type { ClientReport, ClientStart } from './messages.ts';

/** As much of discord.js as is used here: it is installed elsewhere, for the tests of libraries. */
interface DiscordJs {
  readonly Client: new (options: object) => DiscordClient;
  readonly REST: new (options: object) => { setToken(token: string): object };
  readonly SimpleShardingStrategy: new (manager: object) => object;
}

interface DiscordClient {
  readonly guilds: { readonly cache: ReadonlyMap<string, CachedGuild> };
  readonly ws: { on(event: string, listener: (d: GuildNamed) => void): void };
  once(event: string, listener: () => void): void;
  login(token: string): Promise<unknown>;
}

interface CachedGuild {
  readonly available: boolean;
  readonly members: { readonly cache: { readonly size: number } };
  readonly channels: { readonly cache: { readonly size: number } };
  readonly roles: { readonly cache: { readonly size: number } };
}

/** What READY, GUILD_CREATE and GUILD_DELETE have here. */
interface GuildNamed {
  readonly id: string;
  readonly unavailable?: boolean;
  readonly guilds?: readonly { readonly id: string }[];
}

interface Manager {
  readonly options: { token: string; rest: object };
}

/** More than any guild here has members: then all are in GUILD_CREATE, as shardmux asks Discord for them. */
const LARGE_THRESHOLD = 250;

const report = (line: ClientReport) => process.stdout.write(`${JSON.stringify(line)}\n`);

function createClient(discord: DiscordJs, { apiUrl, token, intents }: ClientStart): DiscordClient {
  return new discord.Client({
    intents,
    shards: 'auto',
    ws: {
      large_threshold: LARGE_THRESHOLD,
      buildStrategy(manager: Manager) {
        // Used for GET /gateway/bot alone.
        manager.options.rest = new discord.REST({ api: apiUrl }).setToken(token);
        return new discord.SimpleShardingStrategy(manager);
      },
    },
  });
}

/** Which guilds the client has to have, by what it was sent. */
function followGuilds(client: DiscordClient): { readonly named: Set<string>; readonly out: Set<string> } {
  const [named, out] = [new Set<string>(), new Set<string>()];
  client.ws.on('READY', ({ guilds }) => {
    for (const { id } of guilds ?? []) named.add(id);
  });
  client.ws.on('GUILD_CREATE', ({ id }) => {
    named.add(id);
    out.delete(id);
  });
  client.ws.on('GUILD_DELETE', ({ id, unavailable }) => {
    if (unavailable) out.add(id);
    else named.delete(id);
  });
  return { named, out };
}

async function start(options: ClientStart): Promise<void> {
  // The reason for the cast: `require` gives whatever is installed there; the matrix of libraries tests that it is this.
  const discord = createRequire(options.library)('discord.js') as DiscordJs;
  const client = createClient(discord, options);
  const { named, out } = followGuilds(client);
  client.once('clientReady', () => {
    const readyUs = monotonicUs();
    const { user, system } = process.cpuUsage(before);
    const guilds = [...client.guilds.cache.values()];
    const sum = (count: (guild: CachedGuild) => number) =>
      guilds.reduce((total, guild) => total + count(guild), 0);
    const missing = [...named].filter((id) => !client.guilds.cache.get(id)?.available && !out.has(id));
    report({
      type: 'ready',
      atUs: readyUs,
      cpuUs: user + system,
      guilds: guilds.length,
      missing: missing.length,
      out: out.size,
      members: sum(({ members }) => members.cache.size),
      channels: sum(({ channels }) => channels.cache.size),
      roles: sum(({ roles }) => roles.cache.size),
    });
  });
  report({ type: 'starting', atUs: monotonicUs() });
  const before = process.cpuUsage();
  await client.login(options.token);
}

const input = createInterface(process.stdin);
// Our parent is gone.
input.once('close', () => process.exit(0));
input.once('line', (line) => void start(JSON.parse(line) as ClientStart));
