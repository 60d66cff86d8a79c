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
  const { stoppedReason, informationProblem, waitingReason, shardCount, ownership, shards } = application;
  if (stoppedReason !== undefined) return { ok: false, wrong: stoppedReason };
  if (shardCount === undefined) {
    const wrong = informationProblem ?? waitingReason ?? 'Discord has not said yet how many shards there are';
    return { ok: false, wrong };
  }
  const planned = ownership?.planned;
  if (planned === undefined)
    return { ok: false, wrong: 'it is not known yet which shards are for this node' };
  if (application.isUnfit)
    return { ok: false, wrong: 'none could be connected to Discord; they were left to other nodes' };
  const connected = shards.filter(({ upstream }) => upstream?.state.kind === 'ready').length;
  if (connected >= planned) return OK;
  const wrong = [`${connected} of ${planned} shards are connected`, ...reasons(application, planned)];
  return { ok: false, wrong: wrong.join('; ') };
}

/** Why shards that this node is to have are not connected, as far as that is known. */
function reasons({ informationProblem, ownership, gate }: Application, planned: number): string[] {
  const { slot, budget, store } = gate.waiting;
  const missing = planned - (ownership?.held.size ?? 0);
  return [
    ...(missing > 0 ? [`${missing} have yet to come to this node`] : []),
    ...(slot > 0 ? [`${slot} wait for their turn to IDENTIFY`] : []),
    ...(budget > 0 ? [`${budget} wait to IDENTIFY: ${budgetText(gate.isBudgetHeld)}`] : []),
    ...(store > 0 ? [`${store} wait to IDENTIFY: the identify slots can not be asked for`] : []),
    ...(informationProblem === undefined ? [] : [informationProblem]),
  ];
}

function budgetText(isHeld: boolean): string {
  return isHeld ? "Discord's budget is down to the reserve" : "Discord's budget is being asked for";
}
