/** What a simulated Discord is started with, and the values that stand where nothing was said. No I/O. */
import { ALL_INTENTS } from '../protocol/intents.ts';
import { DISCORD_HEARTBEAT_INTERVAL_MS, IDENTIFY_INTERVAL_MS, replayBound } from '../protocol/limits.ts';
import {
  DEFAULT_REST_OPTIONS,
  type ResolvedRestOptions,
  type RestOptions,
  resolveRestOptions,
} from './rest/options.ts';
import { DEFAULT_GUILD_SIZE, type GuildSize } from './state/first-state.ts';

/** Shaped like a bot token: its first part is the base64 of the application id. It opens nothing but a simulator. */
export const SIMULATOR_TOKEN = 'MTAwMDAwMDAwMDAwMDAwMDAw.sim.token';

/** Discord says "some minutes"; a stricter Discord says two. */
const DEFAULT_RESUME_WINDOW_MS = 120_000;

/** Session starts a bot has a day. https://discord.com/developers/docs/events/gateway#session-start-limit-object */
const DEFAULT_SESSION_STARTS = 1_000;
const DAY_MS = 86_400_000;

export interface SimulatorOptions {
  /** Address to listen on. Default 127.0.0.1. */
  host?: string;
  /** 0 (the default) lets the system choose. */
  port?: number;
  shards: number;
  /** Guilds over all shards; each lives on shard `(guild_id >> 22) % shards`. */
  guilds: number;
  /** Generated dispatches a second over all shards; 0 means only what is asked for. */
  eventsPerSecond: number;
  maxConcurrency?: number;
  seed?: number;
  /** Bot token expected in IDENTIFY, RESUME and `Authorization: Bot …`. */
  token?: string;
  /** Intents beyond these close with 4014. */
  allowedIntents?: number;
  heartbeatIntervalMs?: number;
  identifyIntervalMs?: number;
  identifyBudget?: { total: number; remaining: number; resetAfterMs: number };
  /** How long a session can be resumed after its connection went away. */
  resumeWindowMs?: number;
  /** How many dispatches are kept for RESUME on a shard with so many guilds. */
  replayBound?: (guildCount: number) => number;
  readyDelayMs?: number;
  /** 120 sends a connection in this time. Default 60,000. */
  sendWindowMs?: number;
  /** One full member request a guild in this time. Default 30,000. */
  memberRequestIntervalMs?: number;
  /**
   * Guilds have a true state, which every event changes and `guild()` tells; events then speak only of what exists. Costs more time
   * and memory. Default off: guilds are made up afresh for each GUILD_CREATE, and events don't change them.
   */
  guildState?: boolean;
  /** With `guildState`: how much is in a guild at first. */
  guildSize?: GuildSize;
  /** How the REST API behaves. */
  rest?: RestOptions;
  /** Key and certificate, PEM: it listens with TLS then, and speaks HTTP/2 with whoever asks for it. Default without. */
  tls?: TlsOptions | null;
}

export interface TlsOptions {
  key: string;
  cert: string;
}

export type ResolvedOptions = Required<Omit<SimulatorOptions, 'rest'>> & { rest: ResolvedRestOptions };

/** Fills in the defaults. Throws a RangeError that names the option for a number that makes no sense. */
export function resolveOptions(options: SimulatorOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    host: '127.0.0.1',
    port: 0,
    maxConcurrency: 1,
    seed: 1,
    token: SIMULATOR_TOKEN,
    allowedIntents: ALL_INTENTS,
    heartbeatIntervalMs: DISCORD_HEARTBEAT_INTERVAL_MS,
    identifyIntervalMs: IDENTIFY_INTERVAL_MS,
    identifyBudget: {
      total: DEFAULT_SESSION_STARTS,
      remaining: DEFAULT_SESSION_STARTS,
      resetAfterMs: DAY_MS,
    },
    resumeWindowMs: DEFAULT_RESUME_WINDOW_MS,
    replayBound,
    readyDelayMs: 0,
    sendWindowMs: 60_000,
    memberRequestIntervalMs: 30_000,
    guildState: false,
    guildSize: DEFAULT_GUILD_SIZE,
    tls: null,
    ...options,
    rest: options.rest ? resolveRestOptions(options.rest) : DEFAULT_REST_OPTIONS,
  };
  requireWhole('shards', resolved.shards, 1);
  requireWhole('guilds', resolved.guilds, 0);
  requireWhole('maxConcurrency', resolved.maxConcurrency, 1);
  requireWhole('port', resolved.port, 0);
  for (const [name, value] of Object.entries(resolved.guildSize)) requireWhole(`guildSize.${name}`, value, 1);
  if (!(resolved.eventsPerSecond >= 0)) throw new RangeError('eventsPerSecond must be 0 or more');
  return resolved;
}

/** The application id that a bot token names in its first part, as Discord's own tokens do. */
export function applicationIdOf(token: string): string {
  const decoded = Buffer.from(token.split('.')[0] ?? '', 'base64').toString('latin1');
  return /^\d{17,20}$/.test(decoded) ? decoded : '100000000000000000';
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be a whole number of at least ${least}, not ${value}`);
  }
}
