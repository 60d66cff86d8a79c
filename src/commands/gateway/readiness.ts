/** What `/readyz` says: whether this node does its part. Pure. */
import type { Application } from './application.ts';

type Check = { readonly ok: true } | { readonly ok: false; readonly wrong: string };

const OK = { ok: true } as const;

export function readiness(
  applications: readonly Application[],
  isDraining: boolean,
): Readonly<Record<string, Check>> {
  const checks: Record<string, Check> = {
    draining: isDraining ? { ok: false, wrong: 'this node is shutting down' } : OK,
  };
  const isOnly = applications.length === 1;
  for (const application of applications) {
    checks[isOnly ? 'shards' : `shards of ${application.id}`] = shardsCheck(application);
    checks[isOnly ? 'cluster' : `cluster of ${application.id}`] = clusterCheck(application);
  }
  return checks;
}

function clusterCheck({ ownership }: Application): Check {
  if (!ownership || ownership.contact.isUp) return OK;
  return { ok: false, wrong: 'the leases can not be renewed; connections that exist live on' };
}

function shardsCheck(application: Application): Check {
  const { stoppedReason, informationProblem, shardCount, ownership, shards } = application;
  if (stoppedReason !== undefined) return { ok: false, wrong: stoppedReason };
  if (shardCount === undefined) {
    const wrong = informationProblem ?? 'Discord has not said yet how many shards there are';
    return { ok: false, wrong };
  }
  const planned = ownership?.planned;
  if (planned === undefined)
    return { ok: false, wrong: 'it is not known yet which shards are for this node' };
  const connected = shards.filter(({ upstream }) => upstream?.state.kind === 'ready').length;
  if (connected >= planned) return OK;
  const because = informationProblem ? `; ${informationProblem}` : '';
  return { ok: false, wrong: `${connected} of ${planned} shards are connected${because}` };
}
