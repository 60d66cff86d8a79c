import { describe, expect, it } from 'vitest';
import {
  ClusterStoreError,
  EmbeddedStore,
  joinDeployment,
  type MemberState,
  type Membership,
} from '../../../src/cluster/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const LEASE_TTL_MS = 5_000;
const STEP_MS = 50;
const STATE: MemberState = {
  address: 'a:7777',
  weight: 1,
  isDraining: false,
  reach: 'unknown',
  isSteady: false,
};

/** A store that an earlier process has joined as `node-a`, and a second that wants to. */
class Joining {
  readonly clock = new ManualClock();
  readonly lifetime = new AbortController();
  /** What the second is told while it waits. */
  readonly waiting: string[] = [];
  outcome: Membership | Error | 'given up' | undefined;
  readonly #store = new EmbeddedStore({
    clock: this.clock,
    leaseTtlMs: LEASE_TTL_MS,
    directory: undefined,
    maxSessionAgeMs: 60_000,
    onUnreadable: () => undefined,
    onSlotsError: () => undefined,
  });

  async first(): Promise<Membership> {
    const joined = await this.#join('1');
    if (!joined) throw new Error('given up');
    return joined;
  }

  second(): void {
    void this.#join('2').then(
      (joined) => {
        this.outcome = joined ?? 'given up';
      },
      (error: Error) => {
        this.outcome = error;
      },
    );
  }

  #join(incarnation: string): Promise<Membership | undefined> {
    return joinDeployment({
      store: this.#store,
      applicationId: '1',
      identity: { nodeId: 'node-a', incarnation },
      state: STATE,
      deployment: { shardCount: 2, fingerprints: {} },
      clock: this.clock,
      signal: this.lifetime.signal,
      onWaiting: (reason) => this.waiting.push(reason),
    });
  }

  async elapse(ms: number, each: () => Promise<unknown> = async () => undefined): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.clock.advance(STEP_MS);
      await each();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('a node whose id an earlier process has', () => {
  it('joins when the leases of that one have lapsed, and says once that it waits', async () => {
    const joining = new Joining();
    await joining.first();
    joining.second();
    await joining.elapse(LEASE_TTL_MS - STEP_MS);
    expect(joining.outcome).toBeUndefined();
    expect(joining.waiting).toEqual([expect.stringContaining('waiting for its leases to lapse')]);
    await joining.elapse(2 * STEP_MS);
    expect(joining.outcome).toMatchObject({ identity: { incarnation: '2' } });
    expect(joining.clock.pendingTimers).toBe(0);
  });

  it('is refused when that one lives', async () => {
    const joining = new Joining();
    const first = await joining.first();
    joining.second();
    await joining.elapse(LEASE_TTL_MS, () => first.renew(STATE, new Map()));
    expect(joining.outcome).toBeInstanceOf(ClusterStoreError);
    expect(String(joining.outcome)).toMatch(/another node is running as node-a, at a:7777/);
  });

  it('gives up when it is stopped', async () => {
    const joining = new Joining();
    await joining.first();
    joining.second();
    await joining.elapse(STEP_MS);
    joining.lifetime.abort();
    await joining.elapse(STEP_MS);
    expect(joining.outcome).toBe('given up');
    expect(joining.clock.pendingTimers).toBe(0);
  });
});
