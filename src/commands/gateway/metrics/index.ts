/** Every metric of `shardmux gateway`, read from the modules' plain counts when Prometheus asks. docs/metrics.md lists them. */
import type { LogMemory } from '../../../log/index.ts';
import type { Metrics } from '../../../observability/index.ts';
import type { Teacher } from '../../../routing/index.ts';
import type { GatewayServer } from '../../../workers/index.ts';
import type { Application } from '../application.ts';
import type { OpenStore } from '../open-store.ts';
import { registerCluster, registerRedis } from './cluster.ts';
import { registerGuilds } from './guilds.ts';
import { registerLog, registerTail } from './log.ts';
import { registerRequests } from './requests.ts';
import { registerRouting } from './routing.ts';
import { registerIdentifyBudget, registerUpstream } from './upstream.ts';
import { registerVoice } from './voice.ts';
import { registerWorkers } from './workers.ts';

export interface MetricSources {
  readonly applications: readonly Application[];
  readonly memory: LogMemory;
  readonly server: GatewayServer;
  readonly teacher: Teacher | undefined;
  readonly stores: readonly OpenStore[];
}

export function registerMetrics(metrics: Metrics, sources: MetricSources): void {
  const { applications, memory, server, teacher, stores } = sources;
  registerUpstream(metrics, applications);
  registerIdentifyBudget(metrics, applications);
  registerLog(metrics, applications, memory);
  registerTail(metrics, applications);
  registerGuilds(metrics, applications);
  registerRequests(metrics, applications);
  registerWorkers(metrics, server);
  registerVoice(metrics, applications);
  registerRouting(metrics, teacher);
  registerCluster(metrics, applications);
  registerRedis(metrics, stores);
}
