import { describe, expect, it } from 'vitest';
import type { Lane } from '../../../../src/rest/lane.ts';
import type { ShareDraft } from '../../../../src/rest/shares/part.ts';
import type { ShareGrant, ShareReply } from '../../../../src/rest/shares/ports.ts';
import type { SharedLease } from '../../../../src/rest/shares/shared-lease.ts';
import { SharedMajors } from '../../../../src/rest/shares/shared-majors.ts';

const REPLY: ShareReply = { wasLive: true, size: 10, nodes: 2, wishes: [], grants: [], notes: [] };
const NEVER = Number.POSITIVE_INFINITY;

/** As much of a lane as leases look at. */
class StubLane {
  queued = 0;
  inFlight = 0;
  isForgotten = false;
  isIdle(): boolean {
    return this.isForgotten && this.queued === 0 && this.inFlight === 0;
  }
}

function newMajors() {
  const heard: string[] = [];
  const majors = new SharedMajors({
    usageOf: (lanes) => `${lanes.size} lanes`,
    restore: ({ major, origin, usage }) => heard.push(`restore ${major} ${origin} ${usage}`),
    onGranted: () => heard.push('granted'),
    onNeed: () => heard.push('need'),
  });
  const tell = (nowMs: number): ShareDraft => {
    const draft: ShareDraft = {};
    majors.tell(draft, nowMs);
    return draft;
  };
  return {
    majors,
    heard,
    tell,
    /** One exchange at `nowMs`, which is answered so. */
    exchange(nowMs: number, reply: Partial<ShareReply> = {}): ShareDraft {
      const told = tell(nowMs);
      majors.hear({ ...REPLY, ...reply }, told, NEVER, nowMs);
      return told;
    },
    /** A lease with a lane, wanted. */
    lease(major: string): { readonly lease: SharedLease; readonly lane: StubLane } {
      const lease = majors.of(major) as SharedLease; // it makes no others
      const lane = new StubLane();
      lease.join(lane as unknown as Lane); // as much of one as is looked at
      lease.want();
      return { lease, lane };
    },
  };
}

function granted(major: string, change: Partial<ShareGrant> = {}): Partial<ShareReply> {
  return { grants: [{ major, origin: 'new', usage: '', ageMs: 0, lapsedMs: 0, ...change }] };
}

describe('a major parameter', () => {
  it('is asked for when a request comes, and may go when it is granted', () => {
    const { heard, exchange, lease: wanted } = newMajors();
    const { lease } = wanted('1');
    expect(lease.mayGo(0)).toBe(false);
    expect(exchange(0)).toMatchObject({ claims: ['1'] });
    expect(lease.mayGo(0)).toBe(false);
    exchange(50, granted('1'));
    expect(lease.mayGo(50)).toBe(true);
    expect(heard).toEqual(['need', 'restore 1 new ', 'granted']);
    expect(exchange(100)).toMatchObject({ claims: [] });
  });

  it('does not go when its lease has ended', () => {
    const { majors, tell, lease: wanted } = newMajors();
    const { lease } = wanted('1');
    majors.hear({ ...REPLY, ...granted('1') }, tell(0), 1_500, 0);
    expect(lease.mayGo(1_499)).toBe(true);
    expect(lease.mayGo(1_500)).toBe(false);
  });

  it('is told of when it was used, once, and at most once a second', () => {
    const { exchange, lease: wanted } = newMajors();
    const { lease } = wanted('1');
    exchange(0, granted('1'));
    expect(exchange(999)).toMatchObject({ usages: [] });
    expect(exchange(1_000)).toMatchObject({ usages: [['1', '1 lanes']] });
    lease.touch();
    lease.touch();
    expect(exchange(1_500)).toMatchObject({ usages: [] });
    expect(exchange(2_000)).toMatchObject({ usages: [['1', '1 lanes']] });
    expect(exchange(3_000)).toMatchObject({ usages: [] });
  });

  it('that another node wishes is given back when nothing is on its way, with how far it is used', () => {
    const { exchange, lease: wanted } = newMajors();
    const { lease, lane } = wanted('1');
    exchange(0, granted('1'));
    lane.inFlight = 1;
    exchange(50, { wishes: ['1'] });
    expect(exchange(100)).toMatchObject({ releases: [] });
    lane.inFlight = 0;
    expect(exchange(150)).toMatchObject({ releases: ['1'], usages: [['1', '1 lanes']], claims: [] });
    expect(lease.mayGo(150)).toBe(false);
  });

  it('is kept for what waited when another node wished it, and then asked for again behind that', () => {
    const { exchange, lease: wanted } = newMajors();
    const { lease, lane } = wanted('1');
    exchange(0, granted('1'));
    lane.queued = 2;
    exchange(50, { wishes: ['1'] });
    lane.queued = 7;
    lease.send();
    expect(lease.mayGo(9_000)).toBe(true);
    expect(exchange(9_000)).toMatchObject({ releases: [] });
    lease.send();
    expect(lease.mayGo(9_000)).toBe(false);
    lane.inFlight = 1;
    expect(exchange(9_050)).toMatchObject({ releases: [] });
    lane.inFlight = 0;
    expect(exchange(9_100)).toMatchObject({ releases: ['1'], claims: ['1'] });
  });

  it('is given back after a while even if what waited has not gone', () => {
    const { exchange, lease: wanted } = newMajors();
    const { lane } = wanted('1');
    exchange(0, granted('1'));
    lane.queued = 2;
    exchange(50, { wishes: ['1'] });
    expect(exchange(15_000)).toMatchObject({ releases: [] });
    expect(exchange(15_050)).toMatchObject({ releases: ['1'], claims: ['1'] });
  });

  it('that is idle is given back, and asked for again when it is wanted', () => {
    const { exchange, lease: wanted } = newMajors();
    const { lease, lane } = wanted('1');
    exchange(0, granted('1'));
    lane.isForgotten = true;
    expect(exchange(50)).toMatchObject({ releases: ['1'] });
    lease.want();
    expect(exchange(100)).toMatchObject({ releases: [], claims: ['1'] });
  });

  it('whose last lane is gone is given back, also where it is granted only then', () => {
    const { exchange, tell, majors, lease: wanted } = newMajors();
    const { lease, lane } = wanted('1');
    const told = tell(0);
    lease.part(lane as unknown as Lane); // see above
    majors.hear({ ...REPLY, ...granted('1', { usage: 'some' }) }, told, NEVER, 10);
    expect(exchange(50)).toMatchObject({ releases: ['1'], usages: [] });
  });

  it('that goes again when a late reply has renewed its lease is looked at then', () => {
    const { majors, heard, tell, lease: wanted } = newMajors();
    const { lease } = wanted('1');
    majors.hear({ ...REPLY, ...granted('1') }, tell(0), 1_500, 0);
    heard.length = 0;
    majors.hear(REPLY, tell(250), 1_750, 1_000);
    expect(heard).toEqual([]);
    majors.hear(REPLY, tell(1_000), 2_500, 1_800);
    expect(lease.mayGo(1_800)).toBe(true);
    expect(heard).toEqual(['granted']);
  });

  it('that the store takes to be ours by mistake is given back as far used as the store knows', () => {
    const { exchange } = newMajors();
    exchange(0, { wishes: ['1'] });
    expect(exchange(50)).toMatchObject({ releases: ['1'], usages: [] });
  });

  it('that is wished before the store has heard that it is given back keeps its use', () => {
    const { majors, tell, lease: wanted } = newMajors();
    const { lane } = wanted('1');
    majors.hear({ ...REPLY, ...granted('1') }, tell(0), NEVER, 0);
    const before = tell(50);
    lane.isForgotten = true;
    // Its reply is lost.
    expect(tell(100)).toMatchObject({ releases: ['1'] });
    majors.hear({ ...REPLY, wishes: ['1'] }, before, NEVER, 150);
    expect(tell(200)).toMatchObject({ releases: ['1'], usages: [['1', '1 lanes']] });
  });

  it('of a node that lapsed is doubted until then', () => {
    const { exchange, lease: wanted } = newMajors();
    const { lease } = wanted('1');
    exchange(5_000, granted('1', { origin: 'lapsed', lapsedMs: 40 }));
    expect(lease.doubtedUntilMs).toBe(4_960);
  });
});

describe('what the store does not know any more', () => {
  it('is asked for again without a pause, a thousand at a time', () => {
    const { majors, exchange, lease: wanted } = newMajors();
    const names = Array.from({ length: 1_500 }, (_, at) => String(at));
    for (const name of names) wanted(name);
    const grants = names.flatMap((name) => granted(name).grants ?? []);
    exchange(0, { grants });
    expect(majors.isHurried).toBe(false);
    exchange(50, { wasLive: false });
    expect(majors.isHurried).toBe(true);
    expect(exchange(60).claims).toHaveLength(1_000);
    expect(majors.isHurried).toBe(true);
    expect(exchange(70).claims?.slice(0, 500)).toEqual(names.slice(1_000));
    expect(majors.isHurried).toBe(false);
  });

  it('is asked for again, does not go meanwhile, and is known best here', () => {
    const { heard, exchange, lease: wanted } = newMajors();
    const { lease } = wanted('1');
    exchange(0, granted('1'));
    heard.length = 0;
    exchange(50, { wasLive: false });
    expect(lease.mayGo(50)).toBe(false);
    exchange(100, granted('1', { origin: 'own' }));
    expect(lease.mayGo(100)).toBe(true);
    expect(heard).toEqual(['granted']);
  });

  it('and another has had since is taken as that has left it', () => {
    const { heard, exchange, lease: wanted } = newMajors();
    wanted('1');
    exchange(0, granted('1'));
    heard.length = 0;
    exchange(50, { wasLive: false });
    exchange(100);
    exchange(150, granted('1', { origin: 'own', usage: 'of another' }));
    expect(heard).toEqual(['restore 1 own of another', 'granted']);
  });
});

it('while the store is away everything may go', () => {
  const { majors, heard, lease: wanted } = newMajors();
  const { lease } = wanted('1');
  majors.goAlone(2, 100);
  expect(lease.mayGo(100)).toBe(true);
  expect(heard).toEqual(['need', 'granted']);
  expect(wanted('2').lease.mayGo(100)).toBe(true);
});

it('what was held when the store went away, and looked at after its lease, is looked at again', () => {
  const { majors, heard, tell, lease: wanted } = newMajors();
  const { lease } = wanted('1');
  majors.hear({ ...REPLY, ...granted('1') }, tell(0), 1_500, 0);
  heard.length = 0;
  expect(lease.mayGo(1_500)).toBe(false);
  majors.goAlone(2, 1_510);
  expect(lease.mayGo(1_510)).toBe(true);
  expect(heard).toEqual(['granted']);
});
