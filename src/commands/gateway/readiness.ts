/** What `/readyz` says: whether this node does its part. Pure. */

/** What of an application it depends on. */
export interface ReadinessSource {
  readonly id: string;
  readonly stoppedReason: string | undefined;
  readonly informationProblem: string | undefined;
  readonly waitingReason: string | undefined;
  readonly isUnfit: boolean;
  readonly shardCount: number | undefined;
  readonly ownership: OwnershipSource | undefined;
  readonly shards: readonly {
    readonly upstream: { readonly state: { readonly kind: string } } | undefined;
  }[];
  readonly gate: {
    readonly waiting: { readonly slot: number; readonly budget: number; readonly store: number };
    readonly isBudgetHeld: boolean;
  };
}

interface OwnershipSource {
  readonly contact: { readonly isUp: boolean };
  readonly planned: number | undefined;
  readonly held: { readonly size: number };
}

type Check = { readonly ok: true } | { readonly ok: false; readonly wrong: string };

const OK = { ok: true } as const;

export function readiness(
  applications: readonly ReadinessSource[],
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

function clusterCheck({ ownership }: ReadinessSource): Check {
  if (!ownership || ownership.contact.isUp) return OK;
  return { ok: false, wrong: 'the leases can not be renewed; connections that exist live on' };
}

function shardsCheck(application: ReadinessSource): Check {
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
function reasons({ informationProblem, ownership, gate }: ReadinessSource, planned: number): string[] {
  const { slot, budget, store } = gate.waiting;
  const missing = planned - (ownership?.held.size ?? 0);
  return [
    ...(missing > 0 ? [`${missing} not at this node yet`] : []),
    ...(slot > 0 ? [`${slot} waiting for their turn to IDENTIFY`] : []),
    ...(budget > 0 ? [`${budget} waiting to IDENTIFY: ${budgetText(gate.isBudgetHeld)}`] : []),
    ...(store > 0 ? [`${store} waiting to IDENTIFY: the identify slots can not be asked for`] : []),
    ...(informationProblem === undefined ? [] : [informationProblem]),
  ];
}

function budgetText(isHeld: boolean): string {
  return isHeld ? "Discord's budget is down to the reserve" : "Discord's budget is being asked for";
}
