/** What all requests share. */
import type { YoungGarbage } from '../../runtime/young-garbage.ts';
import type { ProxyCounts } from './counts.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { KnownCallers } from './known-callers.ts';
import type { ProxyOptions } from './ports.ts';
import type { Reachability } from './reachability.ts';

export interface ExchangeContext {
  readonly options: ProxyOptions;
  readonly counts: ProxyCounts;
  readonly held: HeldBytes;
  readonly callers: KnownCallers;
  readonly reachability: Reachability;
  readonly garbage: YoungGarbage;
  readonly isDraining: () => boolean;
}
