/** What is to be seen of limits that several nodes share. */
import type { Metrics } from '../../observability/index.ts';
import type { SharedLimits } from './shared-limits.ts';

export function registerShareMetrics(metrics: Metrics, shared: SharedLimits | undefined): void {
  const { members = [], applications = [] } = shared ?? {};
  const ofMembers = (read: (member: (typeof members)[number]['member']) => number) => ({
    labels: ['scope', 'name'],
    collect(set: (value: number, labels: Record<string, string>) => void) {
      for (const { scope, name, member } of members) set(read(member), { scope, name });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_rest_share_alone',
    help: '1: limits can not be shared with the other nodes, because Redis is away; each goes on with an equal part of the global limit.',
    ...ofMembers(({ isAlone }) => (isAlone ? 1 : 0)),
  });
  metrics.observedGauge({
    name: 'shardmux_rest_share_nodes',
    help: 'REST nodes that share limits, this one included.',
    ...ofMembers(({ nodes }) => nodes),
  });
  metrics.observedCounter({
    name: 'shardmux_rest_share_exchanges_total',
    help: 'Calls to Redis by which limits are shared.',
    ...ofMembers(({ exchanges }) => exchanges),
  });
  metrics.observedCounter({
    name: 'shardmux_rest_share_failures_total',
    help: 'Such calls that failed.',
    ...ofMembers(({ failures }) => failures),
  });
  metrics.observedGauge({
    name: 'shardmux_rest_share_places',
    help: "How many requests a second of the global limit are this node's; scope `address`: of requests without a bot token.",
    labels: ['scope', 'name'],
    collect(set) {
      for (const { scope, name, budget } of members) set(budget.size, { scope, name });
    },
  });
  metrics.observedGauge({
    name: 'shardmux_rest_share_majors',
    help: 'Channels, guilds and webhooks whose requests go from this node (`held`), or wait for another node to let go of them (`asked`).',
    labels: ['application', 'state'],
    collect(set) {
      for (const { id, majors } of applications) {
        set(majors.held, { application: id, state: 'held' });
        set(majors.asked, { application: id, state: 'asked' });
      }
    },
  });
}
