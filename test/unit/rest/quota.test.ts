import { describe, expect, it } from 'vitest';
import { LimitModel } from '../../../src/rest/limit-model.ts';
import { Quota, type Sending } from '../../../src/rest/quota.ts';

/** A quota that has had its first answer, at 100 ms, of a request sent at 0. */
function begun(limit: number, resetAfterMs: number): { quota: Quota; model: LimitModel } {
  const model = new LimitModel('GET /x', 'hash', limit);
  const quota = new Quota(model, false);
  const sending = quota.send(0);
  quota.answer(headers(limit, limit - 1, resetAfterMs), sending, 100);
  return { quota, model };
}

function headers(limit: number, remaining: number, resetAfterMs: number) {
  return { hash: 'hash', limit, remaining, resetAfterMs };
}

/** 5 in 5 s, known to be fixed; two are used, and the window ends at 5,052 ms at the latest. */
function fixed(): { quota: Quota; model: LimitModel } {
  const made = begun(5, 5_000);
  const sending = made.quota.send(110);
  made.quota.answer(headers(5, 3, 4_850), sending, 200);
  return made;
}

/** 5 in 5 s, known to be leaky; two are used, and it is empty at 2,052 ms at the latest. */
function leaky(): { quota: Quota; model: LimitModel } {
  const made = begun(5, 1_000);
  const sending = made.quota.send(110);
  made.quota.answer(headers(5, 3, 1_850), sending, 200);
  return made;
}

describe('a bucket', () => {
  it('lets one request go until its first answer', () => {
    const quota = new Quota('unknown', false);
    expect(quota.room(0)).toBe(1);
    quota.send(0);
    expect(quota.room(0)).toBe(0);
    expect(quota.nextRoomAtMs(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('lets go what remains after its first answer, counted down at sending', () => {
    const { quota } = begun(5, 5_000);
    expect(quota.room(110)).toBe(4);
    quota.send(110);
    quota.send(110);
    expect(quota.room(110)).toBe(2);
  });

  it('without limit headers has ten in flight at most', () => {
    const quota = new Quota('open', false);
    for (let sent = 0; sent < 10; sent++) quota.send(0);
    expect(quota.room(0)).toBe(0);
    quota.settle(50);
    expect(quota.room(50)).toBe(1);
  });

  it('is a fixed window when the end that two answers name stays', () => {
    expect(fixed().model.kind).toBe('fixed');
  });

  it('is leaky when each answer moves the end', () => {
    expect(leaky().model.kind).toBe('leaky');
  });

  it('is told apart in spite of latencies that differ', () => {
    const { quota, model } = begun(5, 1_000);
    const sendings = [quota.send(110), quota.send(110), quota.send(110)];
    // Counted at 150, 160 and 170.
    quota.answer(headers(5, 1, 3_830), sendings[2]!, 180);
    quota.answer(headers(5, 2, 2_840), sendings[1]!, 400);
    expect(model.kind).toBe('leaky');
    expect(model.intervalMs).toBeGreaterThan(990);
    expect(model.intervalMs).toBeLessThanOrEqual(1_000);
  });

  it('that was held lets one go to see', () => {
    const { quota } = fixed();
    quota.hold(3_000);
    expect(quota.room(2_999)).toBe(0);
    expect(quota.nextRoomAtMs(1_000)).toBe(3_000);
    expect(quota.room(3_000)).toBe(1);
  });
});

describe('a fixed window', () => {
  it('waits for its end, and not for the earliest that an answer allows', () => {
    const { quota } = fixed();
    for (let sent = 0; sent < 3; sent++) quota.settle(quota.send(200).sentMs + 50);
    expect(quota.room(250)).toBe(0);
    // 4,850 ms after the answer that came at 200, and the rounding.
    expect(quota.nextRoomAtMs(250)).toBe(5_052);
    expect(quota.room(5_051)).toBe(0);
  });

  it('is tried with one request after its first end, and used wholly once it proved to be empty then', () => {
    const { quota, model } = fixed();
    expect(quota.room(5_052)).toBe(1);
    const sending = quota.send(5_100);
    expect(quota.room(5_101)).toBe(0);
    quota.answer(headers(5, 4, 5_000), sending, 5_200);
    expect(model.isProven).toBe(true);
    expect(quota.room(5_200)).toBe(4);
    expect(quota.room(10_202)).toBe(5);
  });

  it('that is not empty after its end is none: one at a time goes', () => {
    const { quota, model } = fixed();
    const sending = quota.send(5_100);
    quota.answer(headers(5, 1, 5_000), sending, 5_200);
    expect(model.kind).toBe('serial');
    quota.send(5_200);
    expect(quota.room(5_200)).toBe(0);
  });

  it('is left for a little before its end is heard of, by what the way there and back takes at least', () => {
    const { quota, model } = fixed();
    model.isProven = true;
    for (let seen = 0; seen < 20; seen++) {
      const sending = quota.send(6_000 + seen * 5_200);
      quota.answer(headers(5, 4, 5_000), sending, sending.sentMs + 100);
    }
    // The shortest took 90 ms.
    expect(model.leadMs).toBeGreaterThan(60);
    expect(model.leadMs).toBeLessThan(0.85 * 90);
    for (let sent = 0; sent < 4; sent++) quota.settle(quota.send(104_900).sentMs + 10);
    expect(quota.nextRoomAtMs(104_920)).toBeCloseTo(109_902 - model.leadMs, 1);
  });

  it('that was met all the same is not left for early any more', () => {
    const { model } = fixed();
    model.isProven = true;
    for (let seen = 0; seen < 20; seen++) {
      const sentMs = seen * 5_000;
      model.learn({ ...headers(5, 4, 5_000), sentMs, receivedMs: sentMs + 100 }, undefined);
    }
    expect(model.leadMs).toBeGreaterThan(0);
    model.wasMet();
    expect(model.leadMs).toBe(0);
  });

  it('counts what is in flight at its end for the next', () => {
    const { quota, model } = fixed();
    model.isProven = true;
    quota.send(5_000);
    quota.send(5_000);
    expect(quota.room(5_052)).toBe(3);
  });

  it('is not raised by an older answer that comes late', () => {
    const { quota } = fixed();
    const older = quota.send(300);
    const newer = quota.send(301);
    quota.answer(headers(5, 1, 4_700), newer, 400);
    expect(quota.room(400)).toBe(1);
    quota.answer(headers(5, 2, 4_710), older, 500);
    expect(quota.room(500)).toBe(1);
  });

  it('gives back what was counted too much when the last answer says so', () => {
    const { quota, model } = fixed();
    model.isProven = true;
    const carried = quota.send(5_000);
    const next = quota.send(5_060);
    // Both may be in the new window; the first one's answer says that it was in the old.
    expect(quota.room(5_060)).toBe(3);
    quota.answer(headers(5, 2, 20), carried, 5_100);
    quota.answer(headers(5, 4, 4_995), next, 5_120);
    expect(quota.room(5_120)).toBe(4);
  });

  it('lowers what remains when others use it too', () => {
    const { quota } = fixed();
    const sending = quota.send(300);
    quota.answer(headers(5, 0, 4_700), sending, 400);
    expect(quota.room(400)).toBe(0);
  });

  it('ends at last when no answer names an end', () => {
    const { quota, model } = fixed();
    model.isProven = true;
    const sendings: Sending[] = [];
    for (let sent = 0; sent < 5; sent++) sendings.push(quota.send(6_000));
    for (const _ of sendings) quota.settle(6_100);
    expect(quota.room(6_100)).toBe(0);
    expect(quota.nextRoomAtMs(6_100)).toBe(11_100);
  });
});

describe('a leaky bucket', () => {
  it('is paced by its interval once the burst is used', () => {
    const { quota } = leaky();
    for (let sent = 3; sent <= 5; sent++) {
      const sending = quota.send(200);
      quota.answer(headers(5, 5 - sent, sent * 1_000 - 200), sending, 200);
    }
    expect(quota.room(200)).toBe(0);
    const nextMs = quota.nextRoomAtMs(200);
    expect(nextMs).toBeGreaterThan(1_000);
    expect(nextMs).toBeLessThan(1_010);
    expect(quota.room(nextMs)).toBe(1);
    expect(quota.etaMs(3, 200)).toBeCloseTo(nextMs + 2_000, -2);
  });

  it('counts what is in flight as if it came last', () => {
    const { quota } = leaky();
    quota.send(200);
    quota.send(200);
    // Empty of what was answered by then.
    expect(quota.room(3_000)).toBe(3);
  });

  it('is not raised by an older answer that comes late', () => {
    const { quota } = leaky();
    const older = quota.send(300);
    const newer = quota.send(301);
    quota.answer(headers(5, 1, 3_700), newer, 400);
    quota.answer(headers(5, 2, 2_710), older, 401);
    // By its own headers alone there would be room for two.
    expect(quota.room(401)).toBe(1);
  });

  it('is not taken for one that forgets at once where an answer was long in coming', () => {
    const { quota, model } = leaky();
    const sendings = [quota.send(200), quota.send(200)];
    quota.answer(headers(5, 2, 1_000), sendings[0]!, 2_200);
    quota.answer(headers(5, 2, 0), sendings[1]!, 3_300);
    expect(model.intervalMs).toBeGreaterThan(0);
    expect(quota.room(3_300)).toBeLessThanOrEqual(5);
  });

  it('whose interval grows is believed at once', () => {
    const { quota, model } = leaky();
    const sending = quota.send(10_000);
    quota.answer(headers(5, 4, 4_000), sending, 10_100);
    expect(model.intervalMs).toBeGreaterThan(3_990);
  });
});

describe('a bucket that was kept over a restart', () => {
  it('is used as far as it was, with what was in flight', () => {
    const { quota, model } = fixed();
    quota.send(300);
    const state = quota.exportState(400);
    const restored = new Quota(model, true);
    restored.importState(JSON.parse(JSON.stringify(state)));
    expect(restored.room(500)).toBe(2);
  });

  it('is idle when Discord has forgotten everything', () => {
    const { quota } = leaky();
    expect(quota.isIdle(1_000)).toBe(false);
    expect(quota.isIdle(5_060)).toBe(true);
  });
});
