import { describe, expect, it } from 'vitest';
import { Health } from '../../../../src/rest/proxy/health.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

// The reason for the cast: three fields are all it reads.
const ask = (health: Health, url = '/healthz', isDraining = false, headers = {}) =>
  health.answer({ url, method: 'GET', headers } as Parameters<Health['answer']>[0], isDraining);

describe('a node', () => {
  it('is healthy until it drains', () => {
    const health = new Health(new ManualClock());
    expect(ask(health)).toEqual({ status: 200, body: { status: 'ok' } });
    expect(ask(health, '/healthz', true)).toEqual({ status: 503, body: { status: 'draining' } });
    expect(ask(health, '/healthz/')).toBeUndefined();
    expect(ask(health, '/healthz', false, { 'content-length': '1' })).toBeUndefined();
  });

  it('that nobody watches drains at once', async () => {
    const clock = new ManualClock();
    const health = new Health(clock);
    await health.noticed();
    ask(health);
    clock.advance(5_000);
    await health.noticed();
  });

  it('that a balancer watches gives it the time to notice', async () => {
    const clock = new ManualClock();
    const health = new Health(clock);
    ask(health);
    clock.advance(4_999);
    let isNoticed = false;
    const noticed = health.noticed().then(() => {
      isNoticed = true;
    });
    clock.advance(1_499);
    expect(isNoticed).toBe(false);
    clock.advance(1);
    await noticed;
  });
});
