/** Carries a fault out: from its beginning until the part is as before. Recovery is not awaited. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Deployment, NODE_NAMES } from '../deployment/deployment.ts';
import type { HaproxyPart } from '../deployment/haproxy.ts';
import type { NodePart } from '../deployment/node.ts';
import { type Fault, type FaultKind, subjectOf } from './plan.ts';

type Act = (deployment: Deployment, fault: Fault) => Promise<void>;

/** Discord's side of the connection goes without a close frame: what is in flight is lost. */
const TERMINATED = { kind: 'disconnect', terminate: true } as const;

const ACTS: Readonly<Record<FaultKind, Act>> = {
  'node-kill': restartNode('SIGKILL'),
  'node-restart': restartNode('SIGTERM'),
  'node-hang': (deployment, fault) => hang(nodeOf(deployment, fault), fault),
  'haproxy-kill': async (deployment, fault) => {
    const haproxy = haproxyOf(deployment, fault);
    await haproxy.kill();
    await sleep(fault.forMs);
    await haproxy.startAgain();
  },
  'haproxy-reload': (deployment, fault) => haproxyOf(deployment, fault).reload(),
  'haproxy-hang': (deployment, fault) => hang(haproxyOf(deployment, fault), fault),
  'redis-stop': restartRedis('SIGTERM', { forget: false }),
  'redis-restart': restartRedis('SIGKILL', { forget: false }),
  'redis-empty': restartRedis('SIGKILL', { forget: true }),
  'redis-hang': ({ redis }, fault) => hang(redis, fault),
  'redis-slow': async ({ redis }, { latencyMs, forMs }) => {
    redis.setDelay(latencyMs);
    await sleep(forMs);
    redis.setDelay(0);
  },
  'workers-kill': restartWorkers('SIGKILL'),
  'workers-restart': restartWorkers('SIGTERM'),
  'discord-disconnect': (deployment, fault) =>
    inject(deployment, fault, (shard) => (shard % 2 === 0 ? TERMINATED : { kind: 'disconnect' })),
  'discord-reconnect': (deployment, fault) => inject(deployment, fault, () => ({ kind: 'reconnect' })),
  'discord-invalid-session': (deployment, fault) =>
    inject(deployment, fault, () => ({ kind: 'invalid-session', resumable: true })),
};

export function carryOut(deployment: Deployment, fault: Fault): Promise<void> {
  return ACTS[fault.kind](deployment, fault);
}

/** For the timeline. */
export function faultText(fault: Fault, shards: number): string {
  const { kind, targets, forMs, latencyMs } = fault;
  const count = targets.length;
  const what: Record<ReturnType<typeof subjectOf>, string> = {
    node: NODE_NAMES[targets[0] ?? 0] ?? '',
    haproxy: `haproxy-${(targets[0] ?? 0) + 1}`,
    redis: '',
    workers: count === 1 ? `worker ${(targets[0] ?? 0) + 1}` : `all ${count} workers`,
    discord: count === 1 ? `shard ${targets[0]}` : `all ${shards} shards`,
  };
  const latency = latencyMs > 0 ? `${latencyMs} ms more a request` : '';
  const duration = forMs > 0 ? `for ${(forMs / 1000).toFixed(1)} s` : '';
  return [kind.padEnd(24), what[subjectOf(kind)], latency, duration].filter(Boolean).join(' ');
}

function restartNode(signal: 'SIGTERM' | 'SIGKILL'): Act {
  return async (deployment, fault) => {
    const node = nodeOf(deployment, fault);
    await node.stop(signal);
    await sleep(fault.forMs);
    // Whether it listens soon depends on Redis, which may have a fault of its own.
    node.spawn();
  };
}

function restartRedis(signal: 'SIGTERM' | 'SIGKILL', { forget }: { forget: boolean }): Act {
  return async ({ redis }, { forMs }) => {
    await redis.stop(signal);
    if (forget) redis.forget();
    await sleep(forMs);
    await redis.startAgain();
  };
}

function restartWorkers(signal: 'SIGTERM' | 'SIGKILL'): Act {
  return async ({ workers }, { targets, forMs }) => {
    await workers.stop(signal, targets);
    await sleep(forMs);
    workers.start(targets);
  };
}

async function hang(part: { pause(): void; resume(): void }, { forMs }: Fault): Promise<void> {
  part.pause();
  await sleep(forMs);
  part.resume();
}

type Injected = { kind: 'disconnect'; terminate?: boolean } | { kind: 'reconnect' } | InvalidSession;
type InvalidSession = { kind: 'invalid-session'; resumable: boolean };

async function inject(
  { simulator }: Deployment,
  { targets }: Fault,
  faultOf: (shard: number) => Injected,
): Promise<void> {
  await Promise.all(targets.map((shard) => simulator.inject({ ...faultOf(shard), shard })));
}

function nodeOf({ nodes }: Deployment, { targets }: Fault): NodePart {
  return found(nodes.get(NODE_NAMES[targets[0] ?? 0] ?? 'node-a'));
}

function haproxyOf({ haproxies }: Deployment, { targets }: Fault): HaproxyPart {
  return found(haproxies[targets[0] ?? 0]);
}

function found<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new RangeError('a fault for a part that is not there');
  return part;
}
