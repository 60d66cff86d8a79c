import type { Clock } from '../runtime/clock.ts';
import type { Member, MemberState, Membership } from './ports.ts';
import type { OwnershipLog, ShardHolder } from './shard-holder.ts';

export interface OwnershipOptions {
  readonly membership: Membership;
  readonly applicationId: string;
  readonly shardCount: number;
  /** Of this node, as of now. */
  readonly state: () => Omit<MemberState, 'isSteady'>;
  readonly holder: ShardHolder;
  readonly clock: Clock;
  readonly leaseTtlMs: number;
  readonly renewIntervalMs: number;
  readonly maxParallelMoves: number;
  /** Nobody else can use the store. */
  readonly isAlone: boolean;
  readonly log: OwnershipLog;
  /** Owners or members have changed. */
  readonly onView: () => void;
  /** Another process has this node's id now: this one has no place any more. */
  readonly onReplaced: (by: Member) => void;
  /** While this node was silent others have started with settings that it does not fit: neither has it then. */
  readonly onRefused?: ((reason: string) => void) | undefined;
}
