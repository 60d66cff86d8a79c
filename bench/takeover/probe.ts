/**
 * Loaded before a node (`--import`), whose own code knows nothing of us: prints when it asks for leases, reads a tail, puts it
 * into its log, and begins to connect, in µs of the monotonic clock. Prints after the fact, so that printing is in no step.
 */
import { RedisMembership } from '../../src/cluster/redis/redis-membership.ts';
import { HeldShard } from '../../src/commands/gateway/held-shard.ts';
import { UpstreamShard } from '../../src/upstream/shard.ts';
import { mainThread } from '../usage.ts';
import { monotonicUs } from '../wire.ts';
import { PROBE_MESSAGE, type ProbedStep, type ProbedTime } from './steps.ts';

const say = (time: ProbedTime) =>
  setImmediate(() => process.stdout.write(`${JSON.stringify({ msg: PROBE_MESSAGE, ...time })}\n`));

type Method<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Promise<Result>;

function timed<This, Args extends unknown[], Result>(
  step: ProbedStep,
  method: Method<This, Args, Result>,
  isWorthSaying: (result: Result) => boolean = () => true,
): Method<This, Args, Result> {
  return async function (...args) {
    const [startUs, used] = [monotonicUs(), mainThread(process.pid)];
    const result = await method.apply(this, args);
    if (isWorthSaying(result)) say({ step, startUs, endUs: monotonicUs(), used });
    return result;
  };
}

const membership = RedisMembership.prototype;
membership.acquire = timed('lease', membership.acquire, (leases) => leases.length > 0);
membership.loadTail = timed('fetch', membership.loadTail);
HeldShard.prototype.restore = timed('restore', HeldShard.prototype.restore);

const { start } = UpstreamShard.prototype;
UpstreamShard.prototype.start = function () {
  const nowUs = monotonicUs();
  say({ step: 'connect', startUs: nowUs, endUs: nowUs, used: mainThread(process.pid) });
  start.call(this);
};
