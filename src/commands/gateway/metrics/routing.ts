/** Metrics of what the HAProxies are taught. */
import type { Metrics } from '../../../observability/index.ts';
import type { Teacher } from '../../../routing/index.ts';

export function registerRouting(metrics: Metrics, teacher: Teacher | undefined): void {
  type Status = Teacher['status'][number];
  const perHaproxy =
    (read: (status: Status) => number) => (set: (value: number, labels: { socket: string }) => void) => {
      for (const status of teacher?.status ?? []) set(read(status), { socket: status.state.socket });
    };
  metrics.observedGauge({
    name: 'shardmux_routing_taught',
    help: '1 while the HAProxy knows which shards are here; 0 while it can not be taught.',
    labels: ['socket'],
    collect: perHaproxy(({ state }) => (state.status === 'taught' ? 1 : 0)),
  });
  metrics.observedGauge({
    name: 'shardmux_routing_taught_keys',
    help: 'Shards taught to the HAProxy.',
    labels: ['socket'],
    collect: perHaproxy(({ taughtKeys }) => taughtKeys),
  });
  metrics.observedCounter({
    name: 'shardmux_routing_failures_total',
    help: 'Failed attempts to teach the HAProxy.',
    labels: ['socket'],
    collect: perHaproxy(({ failuresTotal }) => failuresTotal),
  });
}
