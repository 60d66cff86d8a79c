/** `GET /limits` on the status port of `shardmux rest`: how its limits are used at this moment, for the person on call. */
import type { Egress, RestLimiter, RestServer } from '../../rest/index.ts';

/** Entries of each list: the answer stays below some 100 KB for each application. */
const MAX_ENTRIES = 50;

export interface Inspectable {
  readonly server: RestServer;
  readonly egress: Egress;
  readonly applications: readonly { readonly id: string; readonly limiter: RestLimiter }[];
}

export function inspectRest({ server, egress, applications }: Inspectable, nowMs: number): object {
  return {
    inFlight: server.counts.inFlight,
    connections: server.connections,
    heldBytes: server.heldBytes,
    isDiscordReachable: server.isDiscordReachable,
    egress: egress.inspect(nowMs, MAX_ENTRIES),
    applications: applications.map(({ id, limiter }) => ({ id, ...limiter.inspect(MAX_ENTRIES) })),
  };
}
