/**
 * Whether a shard may connect to Discord while its lease is in doubt, because the store has not answered for longer than a
 * lease lives. A connection that exists stays. One that ended may have ended because another node has taken the shard over: to
 * RESUME then would take the session back from it. So the other nodes are asked, and where none of them has the shard, it goes
 * on: the store may be away for long, and Discord's sessions do not wait. Should that be wrong, Discord's own fence holds: the
 * other node RESUMEs again, our connection is closed a second time, and then we wait for the store.
 */
import type { Lease, Member, Ownership } from '../../cluster/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { UpstreamLog } from '../../upstream/index.ts';

export interface LeaseDoubtOptions {
  readonly ownership: Ownership;
  /** The shards that another node holds, with their epochs. Rejects where it does not answer. */
  readonly askHeldShards: (member: Member) => Promise<ReadonlyMap<number, number>>;
  readonly clock: Clock;
  readonly log: UpstreamLog;
}

/** Between two looks at the store and the other nodes. */
const LOOK_AGAIN_MS = 250;

/** Losing a doubtful connection twice in this time means that somebody else wants the session. */
const CONTESTED_MS = 30_000;

export class LeaseDoubt {
  readonly #options: LeaseDoubtOptions;
  readonly #resumedAtMs = new Map<number, number>();

  constructor(options: LeaseDoubtOptions) {
    this.#options = options;
  }

  /** Resolves when the shard may connect. Never where it turns out to be another's: then it is conceded. */
  async mayConnect(shardId: number): Promise<void> {
    const { ownership, clock, log } = this.#options;
    while (ownership.held.has(shardId) && !ownership.contact.isConfirmed(clock.now())) {
      const renewal = ownership.renewNow();
      const newer = await this.#leaseElsewhere(shardId);
      if (newer) {
        ownership.concede(newer);
        return new Promise(() => undefined);
      }
      const resumedAtMs = this.#resumedAtMs.get(shardId) ?? Number.NEGATIVE_INFINITY;
      if (clock.now() - resumedAtMs > CONTESTED_MS) {
        this.#resumedAtMs.set(shardId, clock.now());
        log.warn(
          { shard: shardId },
          'the lease can not be renewed, but no other node has the shard: going on',
        );
        return;
      }
      await renewal;
      if (!ownership.contact.isConfirmed(clock.now())) await sleep(clock, LOOK_AGAIN_MS);
    }
  }

  async #leaseElsewhere(shardId: number): Promise<Lease | undefined> {
    const { ownership, askHeldShards } = this.#options;
    const ours = ownership.held.get(shardId) ?? Number.POSITIVE_INFINITY;
    const others = ownership.view.members.filter((member) => member.nodeId !== ownership.nodeId);
    const leases = await Promise.all(
      others.map(async (holder) => {
        const held = await askHeldShards(holder).catch(() => new Map<number, number>());
        return { shardId, epoch: held.get(shardId) ?? 0, holder };
      }),
    );
    return leases.find(({ epoch }) => epoch > ours);
  }
}
