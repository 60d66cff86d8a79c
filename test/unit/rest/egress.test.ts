import { describe, expect, it } from 'vitest';
import { Egress, type EgressAlarm } from '../../../src/rest/egress.ts';
import type { Admission } from '../../../src/rest/index.ts';
import { isInvalid } from '../../../src/rest/invalid-requests.ts';
import { admitted, now, ok, Stage } from './stage.ts';

const LIMITS = { alarmAt: 10, shedAt: 20, stopAt: 40 };
const TEN_MINUTES_MS = 600_000;

function egress(): { egress: Egress; alarms: EgressAlarm[] } {
  const alarms: EgressAlarm[] = [];
  return { egress: new Egress(LIMITS, (alarm) => alarms.push(alarm)), alarms };
}

function count(to: Egress, account: string, times: number, nowMs = 0): void {
  for (let one = 0; one < times; one++) to.countInvalid(account, nowMs);
}

describe('invalid requests of an address', () => {
  it('are 401, 403, and 429 unless it is shared', () => {
    const judged = [
      isInvalid(401, undefined),
      isInvalid(403, undefined),
      isInvalid(429, 'user'),
      isInvalid(429, 'shared'),
      isInvalid(404, undefined),
      isInvalid(200, undefined),
    ];
    expect(judged).toEqual([true, true, true, false, false, false]);
  });

  it('raise an alarm before anybody is refused', () => {
    const { egress: one, alarms } = egress();
    count(one, 'a', 10);
    expect(alarms).toEqual([{ kind: 'invalid-requests', level: 'alarm', total: 10 }]);
    expect(one.allows('a', false, 0)).toBe(true);
  });

  it('stop the account that causes most first', () => {
    const { egress: one } = egress();
    count(one, 'good', 8);
    count(one, 'bad', 12);
    expect([
      one.allows('bad', false, 0),
      one.allows('good', false, 0),
      one.allows('other', false, 0),
    ]).toEqual([false, true, true]);
  });

  it('stop one more account with each quarter of the way to the end', () => {
    const { egress: one } = egress();
    count(one, 'good', 2);
    count(one, 'bad', 11);
    count(one, 'worse', 12);
    expect([
      one.allows('worse', false, 0),
      one.allows('bad', false, 0),
      one.allows('good', false, 0),
    ]).toEqual([false, false, true]);
  });

  it('stop all but what is exempt before Discord would ban the address', () => {
    const { egress: one } = egress();
    count(one, 'bad', 40);
    expect(one.allows('good', false, 0)).toBe(false);
    expect(one.allows('good', true, 0)).toBe(true);
    expect(one.level).toBe('stopped');
  });

  it('are forgotten after ten minutes, not before', () => {
    const { egress: one, alarms } = egress();
    count(one, 'bad', 25, 0);
    const waitMs = one.waitMs(5_000);
    expect(one.allows('bad', false, TEN_MINUTES_MS)).toBe(false);
    expect(one.allows('bad', false, 5_000 + waitMs)).toBe(true);
    expect(waitMs).toBeLessThanOrEqual(TEN_MINUTES_MS + 10_000);
    expect(alarms.at(-1)).toMatchObject({ level: 'calm', total: 0 });
  });

  it('of which each of several nodes may cause its part are forgotten in time, whether the others are heard or not', () => {
    const { egress: one } = egress();
    count(one, 'a', 36);
    one.shareAmong(2, 0);
    count(one, 'b', 2);
    expect(one.allows('good', false, 0)).toBe(false);
    expect(one.allows('good', true, 0)).toBe(true);
    expect(one.allows('good', false, TEN_MINUTES_MS + 10_000)).toBe(true);
  });

  it('are counted anew when what is left is divided', () => {
    const { egress: one } = egress();
    count(one, 'a', 39);
    one.shareAmong(2, 0);
    expect(one.allows('good', false, 0)).toBe(false);
    one.shareAmong(2, TEN_MINUTES_MS + 10_000);
    expect(one.invalidRequests).toBe(0);
    expect(one.level).toBe('calm');
  });

  it('outlive the process', () => {
    const { egress: before } = egress();
    count(before, 'bad', 25, 0);
    const { egress: after, alarms } = egress();
    after.importState(JSON.parse(JSON.stringify(before.exportState(1_000))), 2_000);
    expect(after.allows('bad', false, 2_000)).toBe(false);
    expect(alarms).toEqual([{ kind: 'invalid-requests', level: 'shedding', total: 25 }]);
  });
});

describe('requests on their way', () => {
  it('are never so many that they could all come back invalid and have the address banned', async () => {
    const stage = new Stage();
    const ask = (user: number) => stage.ask('GET /users/@me', { authorization: `Bearer ${user}` });
    const sent: Admission[] = [];
    for (let user = 0; user < 9_999; user++) sent.push(admitted(await ask(user)));
    expect(await now(ask(9_999))).toBe('admitted');
    expect(await ask(10_000)).toMatchObject({ reason: 'invalid-requests', retryAfterMs: 1_000 });
    for (const admission of sent.slice(0, 10)) admission.done({ status: 401, header: () => undefined });
    expect(await now(ask(10_000))).toBe('invalid-requests');
    for (const admission of sent.slice(10, 20)) admission.done(ok());
    expect(await now(ask(10_000))).toBe('admitted');
    for (const admission of sent.slice(20)) admission.failed('not-sent');
    expect(stage.egress.inFlight).toBe(2);
  });

  it('that answer interactions go whatever else is on its way', async () => {
    const stage = new Stage();
    for (let user = 0; user < 10_000; user++) {
      admitted(await stage.ask('GET /users/@me', { authorization: `Bearer ${user}` }));
    }
    expect(await now(stage.ask('POST /interactions/5/token/callback'))).toBe('admitted');
  });
});
