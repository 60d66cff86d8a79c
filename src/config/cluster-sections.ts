/** The sections of a deployment of several nodes: where Redis is, and what this node is to the others. */
import { z } from 'zod';
import { hostPort, hostPorts } from './address-kinds.ts';
import {
  boolean,
  choice,
  decimal,
  duration,
  integer,
  matching,
  secret,
  secretOf,
  text,
} from './scalar-kinds.ts';
import { optional, setting } from './setting.ts';

export const redis = z.strictObject({
  hosts: setting(hostPorts(), {
    default: [],
    description:
      'Where Redis is: its address, the Sentinels, or some nodes of a Redis Cluster; without any, this node is alone.',
  }),
  mode: setting(choice(['standalone', 'sentinel', 'cluster']), {
    default: 'standalone',
    description: 'What answers at `redis.hosts`.',
  }),
  sentinelName: optional(text('name'), 'The name under which the Sentinels watch the master.'),
  username: optional(text('name'), "The ACL user; left out, Redis' default user."),
  password: optional(secretOf('password'), 'The password of the ACL user, or of `requirepass`.'),
  passwordFile: optional(text('path'), 'A file that holds it, instead of `redis.password`.'),
  sentinelPassword: optional(secretOf('password'), 'The password of the Sentinels themselves.'),
  sentinelPasswordFile: optional(text('path'), 'A file that holds it, instead of `redis.sentinelPassword`.'),
  database: setting(integer({ min: 0, max: 1_000_000 }), {
    default: 0,
    description: 'The number of the database; a Redis Cluster has 0 only.',
  }),
  tls: setting(boolean(), {
    default: false,
    description: 'Whether to speak TLS with Redis (and the Sentinels).',
  }),
  tlsCaFile: optional(
    text('path'),
    "The certificates that may sign Redis'; left out, those that Node comes with.",
  ),
  tlsCertFile: optional(text('path'), 'The certificate by which Redis knows this node.'),
  tlsKeyFile: optional(text('path'), 'The key of `redis.tlsCertFile`.'),
  tlsServername: optional(text('name'), "The name that Redis' certificate must have; left out, the host's."),
  keyPrefix: setting(
    matching({ type: 'name', pattern: /^[a-z0-9\-_:]{1,64}$/, allowed: 'a-z 0-9 - _ and the colon' }),
    {
      default: 'shardmux',
      description: 'What all keys begin with: deployments that share a Redis need different ones.',
    },
  ),
  commandTimeoutMs: setting(duration({ min: 50, max: 60_000 }), {
    default: '1s',
    description: 'How long a command may take before it counts as failed.',
  }),
  connectTimeoutMs: setting(duration(), {
    default: '10s',
    description: 'How long a start waits for Redis before it gives up.',
  }),
});

export const cluster = z.strictObject({
  nodeId: optional(
    matching({
      type: 'name',
      pattern: /^[A-Za-z0-9._-]{1,64}$/,
      allowed: 'A-Z a-z 0-9 - _ and the full stop',
    }),
    "This node's name, which no other node may have, and which stays over restarts.",
    "the machine's host name",
  ),
  secret: optional(
    secret(32),
    'What the nodes prove to each other that they belong together; the same for all of them.',
    'required with `redis.hosts`',
  ),
  secretFile: optional(text('path'), 'A file that holds it, instead of `cluster.secret`.'),
  advertise: optional(
    hostPort(),
    "Where other nodes reach this node's `workers.port`.",
    '`workers.host`, or where that is all addresses the one from which it reaches Redis',
  ),
  weight: setting(decimal({ above: 0, max: 100 }), {
    default: 1,
    description: "This node's share of the shards, relative to the other nodes'.",
  }),
  leaseTtlMs: setting(duration({ min: 2_000, max: 60_000 }), {
    default: '5s',
    description: 'How long after its last sign of life a node keeps its shards.',
  }),
  renewIntervalMs: setting(duration({ min: 100, max: 20_000 }), {
    default: '1s',
    description: 'How often a node gives a sign of life, and looks what the others do.',
  }),
  drainTimeoutMs: setting(duration({ min: 0 }), {
    default: '30s',
    description: 'How long a node may take to hand its shards over at shutdown.',
  }),
  maxParallelMoves: setting(integer({ min: 1, max: 1_000 }), {
    default: 4,
    description: 'How many shards a node hands over at the same time.',
  }),
  unfitAfterMs: setting(duration({ min: 0 }), {
    default: '15s',
    description:
      'After how long a node hands over its shards when none of them is connected to Discord; 0 switches it off.',
  }),
});
