import { expect, it } from 'vitest';
import { refusalOfReply } from '../../../src/cluster/redis/refusals.ts';

const OPTIONS = {
  hosts: [{ host: 'redis', port: 6379 }],
  keyPrefix: 'shardmux',
  username: 'bot',
  password: 'x',
  sentinelPassword: undefined,
};

it.each([
  'LOADING Redis is loading the dataset in memory',
  "READONLY You can't write against a read only replica.",
  'CLUSTERDOWN The cluster is down',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  'TRYAGAIN Multiple keys request during rehashing of slot',
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  "OOM command not allowed when used memory > 'maxmemory'.",
  'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.',
  'ERR max number of clients reached',
  "ERR Error running script (call to f_12): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.",
  "ERR Error running script (call to f_12): @user_script:3: -READONLY You can't write against a read only replica.",
  'Command timed out',
  'read ECONNRESET',
  '',
])('a node that starts waits for a Redis that says: %s', (reply) => {
  expect(refusalOfReply(reply, OPTIONS)).toBeUndefined();
});

it.each([
  [
    `WRONGTYPE Operation against a key script: ${'0'.repeat(40)}, on @user_script:3.`,
    'redis.keyPrefix: something else keeps its data at redis:6379 under shardmux: too; choose another prefix (WRONGTYPE Operation against a key)',
  ],
  [
    'ERR Error running script (call to f_12): @user_script:3: WRONGTYPE Operation against a key',
    'redis.keyPrefix: something else keeps its data',
  ],
  [
    "NOPERM this user has no permissions to run the 'hset' command",
    'redis.username: the user bot may not do what shardmux does at redis:6379',
  ],
  ['NOAUTH Authentication required.', 'redis.password: redis:6379 does not accept it'],
  [
    "ERR unknown command 'evalsha'",
    "redis.hosts: redis:6379 refuses what shardmux asks of it: ERR unknown command 'evalsha'",
  ],
])('a node that starts is refused where Redis says: %s', (reply, message) => {
  const refusal = refusalOfReply(reply, OPTIONS);
  expect(refusal?.kind).toBe('never');
  expect(refusal?.message).toContain(message);
});
