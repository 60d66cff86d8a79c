import { describe, expect, it } from 'vitest';
import { AlarmClock } from '../../../src/rest/alarm-clock.ts';
import { Gate } from '../../../src/rest/gate.ts';
import type { BucketOffer } from '../../../src/rest/lane.ts';
import type { Offer } from '../../../src/rest/ready-list.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const STEP_MS = 100;

/** A hundred a second are its limit, but it gives a place only each tenth of a second. */
function slowGate(): Gate {
  let lastMs = 0;
  return new Gate({
    alarms: new AlarmClock(new ManualClock(0)),
    budget: {
      mostPerSecond: 100,
      take: (nowMs) => {
        if (nowMs < lastMs + STEP_MS) return undefined;
        lastMs = nowMs;
        return { sent: () => undefined, answered: () => undefined, unused: () => undefined };
      },
      nextAtMs: () => lastMs + STEP_MS,
    },
    onRoom: () => undefined,
  });
}

function addTo(gate: Gate, count: number): void {
  for (let one = 0; one < count; one++) {
    const offer: Offer = { account: 'a', priority: 'normal', isOpen: true };
    // The reason for the cast: a gate hands on what it was given, and reads no more of it.
    gate.add(offer as BucketOffer);
  }
}

describe('a gate', () => {
  it('judges when a turn comes by the pace at which others go, where that is less than its limit', () => {
    const gate = slowGate();
    addTo(gate, 100);
    for (let nowMs = STEP_MS; nowMs <= 4_000; nowMs += STEP_MS) gate.letGo(nowMs, 0, () => undefined);
    expect(gate.etaMs(60, 4_000)).toBeCloseTo(4_000 + 5_000, -3);
  });

  it('takes a time in which nothing was allowed to go for no pace', () => {
    const gate = slowGate();
    addTo(gate, 100);
    for (let nowMs = STEP_MS; nowMs <= 4_000; nowMs += STEP_MS) gate.letGo(nowMs, 0, () => undefined);
    gate.letGo(4_000, 60_000, () => undefined);
    for (let nowMs = 60_000; nowMs <= 63_000; nowMs += STEP_MS) gate.letGo(nowMs, 0, () => undefined);
    expect(gate.etaMs(60, 63_000)).toBeCloseTo(63_000 + 5_000, -3);
  });
});
