/**
 * Every setting of `shardmux gateway` and `shardmux rest`, once. The place in this tree is the path in YAML and, in SCREAMING_SNAKE,
 * the environment variable; docs/configuration.md is generated from it (`node scripts/configuration-table.ts`).
 */
import { z } from 'zod';
import { GUILD_KINDS } from '../protocol/guild-kinds.ts';
import { socketAddresses } from './address-kinds.ts';
import { applications } from './applications.ts';
import { cluster, redis } from './cluster-sections.ts';
import { CROSS_CHECKS } from './cross-checks.ts';
import { discord } from './discord-section.ts';
import { rest } from './rest-section.ts';
import { choice, duration, integer, port, secret, size, text, url } from './scalar-kinds.ts';
import { optional, setting } from './setting.ts';
import { choices, workerTokens } from './structured-kinds.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

const workers = z.strictObject({
  host: setting(text('address'), {
    default: '0.0.0.0',
    description: 'The address that workers (or HAProxy) connect to.',
  }),
  port: setting(port(), { default: 7777, description: "Its port; 0 takes one of the system's choice." }),
  publicUrl: optional(
    url(['ws', 'wss']),
    'The URL under which workers reach us; left out, it follows from the Host header of their request.',
  ),
  tokens: setting(workerTokens(), {
    default: [],
    description: 'The tokens that workers may IDENTIFY with; without any, they use the bot token.',
  }),
  sessionSecret: optional(
    secret(32),
    'Signs worker session ids; left out, a key derived from the bot token does.',
  ),
  heartbeatIntervalMs: setting(duration({ min: 100, max: 3_600_000 }), {
    default: 41_250,
    description: 'How often a worker must send a heartbeat; after two intervals of silence it is closed.',
  }),
  identifyTimeoutMs: setting(duration(), {
    default: 60_000,
    description: 'How long a worker may be connected without IDENTIFY or RESUME.',
  }),
  holdTimeoutMs: setting(duration({ min: 0 }), {
    default: 60_000,
    description: 'How long a worker is held while its shard is not ready.',
  }),
  drainTimeoutMs: setting(duration({ min: 0 }), {
    default: 5_000,
    description: 'How long workers have to leave on their own at shutdown.',
  }),
  maxConnections: setting(integer({ min: 1, max: 1_000_000 }), {
    default: 10_000,
    description:
      'How many workers may be connected to this node; at most half of them without a valid token yet.',
  }),
  maxUnsentBytes: setting(size({ min: 65_536 }), {
    default: '1MiB',
    description: 'How much may wait in the socket of one worker before its cursor pauses.',
  }),
  maxQueuedCommandsPerShard: setting(integer({ min: 1, max: 1_000_000 }), {
    default: 1_000,
    description:
      'How many commands of workers may wait for their turn on a shard, and how many of their requests about guilds for an answer.',
  }),
  voice: setting(choice(['owner', 'broadcast']), {
    default: 'owner',
    description:
      "Who gets VOICE_SERVER_UPDATE and the bot's own VOICE_STATE_UPDATE of a guild: the worker session that joined its voice last, or every session of the shard.",
  }),
});

const status = z.strictObject({
  host: setting(text('address'), {
    default: '127.0.0.1',
    description: 'The address of `/healthz`, `/readyz` and `/metrics`.',
  }),
  port: setting(port(), { default: 9_464, description: "Its port; 0 takes one of the system's choice." }),
});

const eventLog = z.strictObject({
  maxBytesPerShard: setting(size({ min: 65_536 }), {
    default: '64MiB',
    description: "How much of a shard's event log is kept in memory.",
  }),
  maxBytes: setting(size({ min: 65_536 }), {
    default: '1GiB',
    description: 'How much all event logs of the node may take.',
  }),
  maxAgeMs: setting(duration({ min: 1_000 }), {
    default: '5m',
    description: 'How long a dispatch stays in the event log.',
  }),
});

const tail = z.strictObject({
  store: optional(
    choice(['disk', 'redis', 'off']),
    'Where the copy of the newest dispatches is kept that outlives the node.',
    '`redis` with `redis.hosts`, else `disk`',
  ),
  directory: setting(text('path'), {
    default: './shardmux-state',
    description: 'The directory of tails, checkpoints, guilds and identify slots of a node without Redis.',
  }),
  flushIntervalMs: setting(duration({ max: 60_000 }), {
    default: '100ms',
    description: 'After how long new dispatches are written to the tail.',
  }),
  flushBytes: setting(size({ min: 1_024 }), {
    default: '1MiB',
    description: 'After how many bytes new dispatches are written to the tail at once.',
  }),
  maxBytesPerShard: setting(size({ min: 65_536 }), {
    default: '4MiB',
    description: "How much a shard's tail may take on disk or in Redis, compressed.",
  }),
  maxAgeMs: setting(duration({ min: 1_000 }), {
    default: '5m',
    description: 'How long a dispatch stays in the tail.',
  }),
});

const guilds = z.strictObject({
  state: setting(choice(['off', 'memory']), {
    default: 'memory',
    description:
      'Whether guilds are kept as they are now, so that a worker that IDENTIFYs gets them at once. They outlive restarts and moves of a shard with its tail.',
  }),
  off: setting(choices(GUILD_KINDS), {
    default: [],
    description:
      "What is not kept of guilds: workers get it as empty lists, but for the bot's own member and voice state. What is switched on again comes with the next upstream session.",
  }),
  maxBytesPerShard: setting(size({ min: 1_048_576 }), {
    default: '64MiB',
    description: "How much memory a shard's guilds may take, compressed; over it the largest are left out.",
  }),
});

const haproxy = z.strictObject({
  sockets: setting(socketAddresses(), {
    default: [],
    description: 'The Runtime API sockets of the HAProxies to teach; without any, none is taught.',
  }),
  backend: setting(text('name'), {
    default: 'gateway',
    description: 'The backend of haproxy.cfg whose servers are the nodes.',
  }),
  table: setting(text('name'), {
    default: 'gateway',
    description: 'The stick table of haproxy.cfg that maps a shard to its node.',
  }),
  serverName: optional(
    text('name'),
    "This node's server in that backend; left out, it is found by its address and port.",
  ),
  teachIntervalMs: setting(duration({ min: 100, max: 3_600_000 }), {
    default: '5s',
    description: 'How often every HAProxy is taught again.',
  }),
});

const logging = z.strictObject({
  level: setting(choice(LOG_LEVELS), {
    default: 'info',
    description: 'The least severe lines that are written.',
  }),
  format: setting(choice(['json', 'pretty']), {
    default: 'json',
    description: 'How they are written: one JSON object a line, or for people.',
  }),
});

const tree = z.strictObject({
  discord,
  applications: optional(
    applications(),
    'Several bots, each with the keys of `discord` and an `id`; keys that an entry leaves out are taken from `discord`, all but the token.',
    'one, made from `discord`',
  ),
  workers,
  status,
  eventLog,
  tail,
  guilds,
  redis,
  cluster,
  haproxy,
  rest,
  logging,
});

/** The sections and what is beside them, for who needs the settings and not their values. */
export const TREE_SHAPE = tree.shape;

/** The settings as they are written: checked, with defaults filled in. `resolve.ts` makes the configuration from it. */
export type ConfigTree = z.output<typeof tree>;

export const gatewaySchema = CROSS_CHECKS.reduce(
  (schema, { settings, holds, wrong, remedy }) =>
    schema.refine(holds, {
      path: settings[0].split('.'),
      message: wrong,
      params: { remedy, isComparison: true },
      // Runs although other settings are wrong, so that all problems are told at once; not when its own are.
      when: ({ issues }) =>
        !issues.some(({ path = [] }) =>
          settings.some((name) => name.split('.').every((part, index) => path[index] === part)),
        ),
    }),
  tree,
);
