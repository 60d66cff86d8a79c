/** Nodes that do not fit the deployment that is there, or its HAProxy. Each is told why, and hinders nobody. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisKeys } from '../../../src/cluster/redis/keys.ts';
import { SIMULATOR_TOKEN, type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { type NodeProcess, startNode } from '../../support/node.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { connectWorker } from '../../support/worker.ts';
import { clusterEnvironment, type Environment, expectNoSecrets, refused, SECRETS } from './refused.ts';

const QUIET = { shards: 2, guilds: 2, eventsPerSecond: 0, maxConcurrency: 2 } as const;
const KEYS = new RedisKeys('shardmux', '100000000000000000');

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.[Symbol.asyncDispose]());

function environment(nodeId: string, change: Environment = {}): Environment {
  return { ...clusterEnvironment(redis.port, nodeId), ...change };
}

describe('beside a node that runs', () => {
  let simulator: Simulator;
  let first: NodeProcess;

  beforeAll(async () => {
    simulator = await startSimulator(QUIET);
    first = await startNode({ discord: simulator, env: environment('node-a') });
    await first.ready();
  });
  afterAll(async () => {
    await first?.[Symbol.asyncDispose]();
    await simulator?.[Symbol.asyncDispose]();
  });

  it.each<[string, Environment, RegExp]>([
    [
      'its id',
      { SHARDMUX_CLUSTER_NODE_ID: 'node-a' },
      /^cluster\.nodeId: another node is running as node-a, at 127\.0\.0\.1:\d+; give each node an id of its own$/,
    ],
    [
      'another number of shards',
      { SHARDMUX_DISCORD_SHARD_COUNT: '3' },
      /^discord\.shardCount: this node is to run application 10{17} with 3 shards, but node node-a runs with 2; set the same number, or stop all nodes before you change it$/,
    ],
    [
      'another secret',
      { SHARDMUX_CLUSTER_SECRET: SECRETS.otherClusterSecret },
      /^cluster\.secret: it is not what node node-a runs with; give all nodes the same, or stop all of them before you change it$/,
    ],
    [
      'a session secret that the other has not',
      { SHARDMUX_WORKERS_SESSION_SECRET: SECRETS.sessionSecret },
      /^workers\.sessionSecret: it is not what node node-a runs with; give all nodes the same/,
    ],
    [
      'another bot token, which signs sessions',
      { SHARDMUX_DISCORD_TOKEN: `${SIMULATOR_TOKEN.split('.')[0]}.sim.another` },
      /^discord\.token: it is not what node node-a runs with/,
    ],
  ])('a second one with %s is refused, and leaves no trace', async (_what, change, reason) => {
    const before = await traces();
    const { shards } = await sessionsOf(first);
    const refusal = await refused(environment('node-b', change), simulator);
    expect(refusal.msg).toBe('shardmux can not start');
    expect(refusal.reason).toMatch(reason);
    expect(await traces()).toEqual(before);
    expect(await sessionsOf(first)).toEqual({ shards, ready: 200 });
  });

  it('none of them has cost Discord a connection, or the node that runs a line', () => {
    const { connectionsOpened, identifies } = simulator.stats();
    expect({ connectionsOpened, identifies }).toEqual({ connectionsOpened: 2, identifies: 2 });
    expect(first.logs().filter(({ level }) => level !== 'info')).toEqual([]);
    expectNoSecrets(first.logs());
  });

  it('a second one whose number of shards is auto takes that of the first, whatever Discord recommends', async () => {
    await using recommending = await startSimulator({ ...QUIET, shards: 4 });
    const discord = { url: recommending.url, options: simulator.options };
    const env = { SHARDMUX_DISCORD_SHARD_COUNT: 'auto', SHARDMUX_DISCORD_GATEWAY_URL: simulator.gatewayUrl };
    await using second = await startNode({ discord, env: environment('node-b', env) });
    const line = await second.logged('keeping the number of shards of the sessions that can be resumed');
    expect(line['shards']).toBe(2);
    expect(await second.logged('joined')).toMatchObject({ shards: 2 });
    expect(await second.stop()).toBe(0);
    await first.ready();
  });

  it('a node that slept beyond its leases while another took its id is told so, and ends', async () => {
    process.kill(first.pid, 'SIGSTOP');
    await using second = await startNode({ discord: simulator, env: environment('node-a') });
    await second.ready();
    using worker = await connectWorker(second.workersUrl, { path: '/shards/0' });
    worker.identify({ shard: [0, 2] });
    await worker.next('READY');
    const spokenBefore = first.logs().length;
    process.kill(first.pid, 'SIGCONT');
    expect(await first.exited).toBe(1);
    const spoken = first.logs().slice(spokenBefore);
    expect(spoken.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'shardmux can not go on',
      reason: expect.stringMatching(
        /^cluster\.nodeId: another process runs as node node-a now, at 127\.0\.0\.1:\d+: this one gave no sign of life/,
      ),
    });
    expect(spoken.filter(({ msg }) => /tail|lease/.test(msg))).toEqual([]);
    simulator.dispatch(0, 'TYPING_START', { after: 'the end of the first' });
    await worker.next('TYPING_START');
    expect((await second.readyz()).status).toBe(200);
    expect(simulator.stats()).toMatchObject({ identifies: 2, violations: {} });
  });

  it('a node that slept while others started with another secret is told so, and ends', async () => {
    const env = (nodeId: string, change: Environment = {}) =>
      environment(nodeId, { SHARDMUX_REDIS_KEY_PREFIX: 'slept', ...change });
    await using sleeper = await startNode({ discord: simulator, env: env('node-x') });
    await sleeper.logged('joined');
    process.kill(sleeper.pid, 'SIGSTOP');
    const changed = { SHARDMUX_CLUSTER_SECRET: SECRETS.otherClusterSecret };
    await using another = await startedAfterLapse(env('node-y', changed));
    process.kill(sleeper.pid, 'SIGCONT');
    expect(await sleeper.exited).toBe(1);
    expect(sleeper.logs().at(-1)).toMatchObject({
      msg: 'shardmux can not go on',
      reason:
        'cluster.secret: it is not what nodes run with that started while this one was away (node-y); give all nodes the same',
    });
    expect(another.hasEnded).toBe(false);
  });

  /** Until the sleeper's membership has lapsed it is refused. */
  async function startedAfterLapse(env: Environment): Promise<NodeProcess> {
    return eventually(async () => {
      const node = await startNode({ discord: simulator, env });
      const hasJoined = async () => Boolean(await node.logged('joined'));
      if (await Promise.race([hasJoined(), node.exited.then(() => false)])) return node;
      await node[Symbol.asyncDispose]();
      return undefined;
    }, 20_000);
  }

  /** What a node that joins would have changed. */
  async function traces() {
    const members = (await redis.command('HKEYS', KEYS.members)) as string[];
    const keys = (await redis.command('KEYS', '*')) as string[];
    // The first node's own come when they come.
    const isItsOwn = (key: string) => /:2:(?:tail|checkpoint):/.test(key);
    return {
      members: members.sort(),
      keys: keys.filter((key) => !isItsOwn(key)).sort(),
      deployment: await redis.command('GET', KEYS.deployment),
      leases: await redis.command('HGETALL', KEYS.leases(2)),
    };
  }

  async function sessionsOf(node: NodeProcess) {
    const { status } = await node.readyz();
    return { shards: simulator.stats().sessions.map((session) => session?.sessionId), ready: status };
  }
});

describe('at an HAProxy', () => {
  let directory: string;
  let haproxyConfig: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'shardmux-refusals-'));
    haproxyConfig = await readFile(new URL('../../../haproxy/haproxy.cfg', import.meta.url), 'utf8');
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function startChanged(from: string | RegExp, to: string): Promise<Haproxy> {
    const configPath = join(directory, 'haproxy.cfg');
    const changed = haproxyConfig.replaceAll(from, to);
    expect(changed).not.toBe(haproxyConfig);
    await writeFile(configPath, changed);
    return startHaproxy({ nodeHost: '127.0.0.1', nodePort: 1, configPath });
  }

  it('whose stats socket may not set tables, a node is refused', async () => {
    await using haproxy = await startChanged(/level operator/g, 'level user');
    const { reason, msg } = await refusedAt(haproxy);
    expect(msg).toBe('shardmux can not start');
    expect(reason).toBe(
      `haproxy.sockets: ${haproxy.socketPath} refuses to show or set tables. Add "level operator" to its "stats socket" line in haproxy.cfg.`,
    );
  });

  it('whose table has other keys, a node is refused', async () => {
    await using haproxy = await startChanged('stick-table type string len 32', 'stick-table type integer');
    const { reason } = await refusedAt(haproxy);
    expect(reason).toMatch(
      /^haproxy\.table: .* keys of type integer\. Make it "stick-table type string len 32"/,
    );
  });

  it('that does not know it, a node is refused, by name and by address', async () => {
    await using haproxy = await startHaproxy({ nodeHost: '127.0.0.1', nodePort: 1 });
    const known = `in backend "gateway" at ${haproxy.socketPath} (there: node-a 127.0.0.1:1, nobody 127.0.0.1:1)`;
    const byName = await refusedAt(haproxy, { SHARDMUX_HAPROXY_SERVER_NAME: 'node-x' });
    expect(byName.reason).toContain(`haproxy.serverName: No server named node-x ${known}. Correct haproxy.`);
    const { SHARDMUX_HAPROXY_SERVER_NAME: _, ...byAddress } = haproxyEnvironment(haproxy);
    expect((await refused(byAddress)).reason).toMatch(
      /^haproxy\.serverName: No server with port \d+ and an address of this node \(127\.0\.0\.1\) in backend .* Set haproxy\.serverName, or add a "server" line/,
    );
  });

  it.each([
    [
      'backend',
      { SHARDMUX_HAPROXY_BACKEND: 'other' },
      /^haproxy\.backend: .* has no backend "other"\. Run it/,
    ],
    ['table', { SHARDMUX_HAPROXY_TABLE: 'other' }, /^haproxy\.table: .* has no stick table "other"\. Run it/],
  ])('that has no such %s, a node is refused', async (_what, change, reason) => {
    await using haproxy = await startHaproxy({ nodeHost: '127.0.0.1', nodePort: 1 });
    expect((await refusedAt(haproxy, change)).reason).toMatch(reason);
  });

  it('that is not up yet a node starts, and teaches it when it comes', async () => {
    await using simulator = await startSimulator(QUIET);
    await using haproxy = await startHaproxy({ nodeHost: '127.0.0.1', nodePort: 1 });
    await haproxy.kill();
    await using node = await startNode({ discord: simulator, env: haproxyEnvironment(haproxy) });
    await node.ready();
    const line = await node.logged('an HAProxy can not be taught');
    expect(line).toMatchObject({ level: 'warn', problem: 'not-listening' });
    await haproxy.restart();
    await node.logged('an HAProxy is taught');
    expect(await node.stop()).toBe(0);
  });

  function haproxyEnvironment(haproxy: Haproxy): Environment {
    return environment('node-h', {
      SHARDMUX_REDIS_KEY_PREFIX: 'haproxy',
      SHARDMUX_HAPROXY_SOCKETS: haproxy.socketPath,
      SHARDMUX_HAPROXY_SERVER_NAME: 'node-a',
    });
  }

  function refusedAt(haproxy: Haproxy, change: Environment = {}) {
    return refused({ ...haproxyEnvironment(haproxy), ...change });
  }
});
