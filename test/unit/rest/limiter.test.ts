import { describe, expect, it } from 'vitest';
import { APPLICATION, admitted, limited, limitHeaders, now, ok, Stage } from './stage.ts';

const SEND = 'POST /channels/1/messages';

describe('the limiter', () => {
  it('lets the first request of a route go alone, and the others when its answer has come', async () => {
    const stage = new Stage();
    const first = await stage.admit(SEND);
    const others = [stage.ask(SEND), stage.ask(SEND)];
    expect(await now(others[0]!)).toBe('waiting');
    stage.clock.advance(50);
    first.done(ok(5, 4, 1_000));
    stage.clock.advance(10);
    expect(await Promise.all(others.map(now))).toEqual(['admitted', 'admitted']);
  });

  it('learns a limit for all channels at once', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 4, 1_000));
    stage.clock.advance(10_000);
    const burst = Array.from({ length: 6 }, () => stage.ask('POST /channels/2/messages'));
    expect(await Promise.all(burst.map(now))).toEqual([...Array(5).fill('admitted'), 'waiting']);
  });

  it('says at once what may go at once, and asks for a signal only for what waits', async () => {
    const { limiter } = new Stage();
    const request = { account: 'a', deadlineMs: 30_000, bytes: 100, method: 'POST' };
    const at = (channel: number) => ({ ...request, target: `/api/v10/channels/${channel}/messages` });
    const left = new AbortController();
    let asked = 0;
    const signalOf = () => {
      asked++;
      return left.signal;
    };
    expect(limiter.ask(at(1), signalOf)).toMatchObject({ kind: 'admitted' });
    expect(limiter.ask({ ...at(1), method: 'TRACE' }, signalOf)).toMatchObject({ kind: 'refused' });
    expect(asked).toBe(0);
    const waits = limiter.ask(at(1), signalOf);
    expect(waits).toBeInstanceOf(Promise);
    expect(asked).toBe(1);
    left.abort(new Error('gone'));
    await expect(waits).rejects.toThrow('gone');
  });

  it('forwards what it has judged', async () => {
    const admission = await new Stage().admit('PUT /channels/1/messages/2/reactions/%f0%9f%91%8d/%40me?x=1');
    expect(admission.target).toBe('/api/v10/channels/1/messages/2/reactions/%F0%9F%91%8D/@me?x=1');
    expect(admission.route.template).toBe('PUT /channels/:channel/messages/:id/reactions/:emoji/@me');
  });

  it('refuses what is no path of the API, and says why', async () => {
    const stage = new Stage();
    expect(await stage.ask('GET /../../login')).toMatchObject({ reason: 'path', pathRefusal: 'dot-segment' });
    expect(await stage.ask('TRACE /gateway')).toMatchObject({ reason: 'method' });
    expect(stage.limiter.readings().refused).toEqual({ path: 1, method: 1 });
  });

  it('lets several requests of a route without limit go, ten at a time', async () => {
    const stage = new Stage();
    (await stage.admit('GET /gateway')).done(ok());
    const asked = Array.from({ length: 11 }, () => stage.ask('GET /gateway'));
    expect((await Promise.all(asked.map(now))).filter((state) => state === 'admitted')).toHaveLength(10);
  });

  it('sends one at a time where limit headers make no sense, and not as if there were none', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 7, 1_000));
    const asked = [stage.ask(SEND), stage.ask(SEND)];
    expect(await Promise.all(asked.map(now))).toEqual(['admitted', 'waiting']);
    admitted(await asked[0]!).done(ok(5, 0, 2_000, ''));
    stage.clock.advance(1_990);
    expect(await now(asked[1]!)).toBe('waiting');
    stage.clock.advance(20);
    admitted(await asked[1]!).done(ok(5, 4, 1_000));
    expect(await now(stage.ask(SEND))).toBe('admitted');
  });

  it('is careful for a while with a route that had no limit, when its limit headers make no sense', async () => {
    const stage = new Stage();
    (await stage.admit('GET /gateway')).done(ok());
    (await stage.admit('GET /gateway')).done(ok(0, 0, 0));
    const asked = [stage.ask('GET /gateway'), stage.ask('GET /gateway')];
    expect(await Promise.all(asked.map(now))).toEqual(['admitted', 'waiting']);
    stage.clock.advance(10_010);
    expect(await now(asked[1]!)).toBe('admitted');
  });

  it('takes an error of what stands before Discord for no word about limits', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done({ status: 502, header: () => undefined });
    const asked = [stage.ask(SEND), stage.ask(SEND)];
    expect(await Promise.all(asked.map(now))).toEqual(['admitted', 'waiting']);
  });

  it('keeps the global limit, but for interactions', async () => {
    const stage = new Stage({ globalLimit: 2 });
    await stage.admit('GET /channels/1');
    await stage.admit('GET /channels/2');
    const third = stage.ask('GET /channels/3');
    expect(await now(third)).toBe('waiting');
    expect(await now(stage.ask('POST /interactions/5/token/callback'))).toBe('admitted');
    expect(await now(stage.ask(`POST /webhooks/${APPLICATION}/token`))).toBe('admitted');
    stage.clock.advance(1_050);
    expect(await now(third)).toBe('admitted');
  });

  it('lets the accounts go in turn when the global limit is used up', async () => {
    const stage = new Stage({ globalLimit: 1 });
    await stage.admit('GET /channels/1');
    const many = Array.from({ length: 5 }, (_, at) =>
      stage.ask(`GET /channels/${at + 10}`, { account: 'many' }),
    );
    const one = stage.ask('GET /channels/99', { account: 'one' });
    stage.clock.advance(1_050);
    stage.clock.advance(1_050);
    expect(await now(one)).toBe('admitted');
    expect((await Promise.all(many.map(now))).filter((state) => state === 'admitted')).toHaveLength(1);
  });

  it('refuses everything once it is closed, and leaves no timer and nothing that waits', async () => {
    const stage = new Stage({ globalLimit: 1 });
    const first = await stage.admit(SEND);
    const waiting = [stage.ask(SEND), stage.ask('GET /channels/1')];
    stage.limiter[Symbol.dispose]();
    first.done(ok(5, 4, 1_000));
    for (const one of waiting) expect(await one).toMatchObject({ kind: 'refused', reason: 'closed' });
    expect(await stage.ask(SEND)).toMatchObject({ reason: 'closed' });
    expect(stage.clock.pendingTimers).toBe(0);
    expect(stage.limiter.readings()).toMatchObject({ queued: 0, queuedBytes: 0 });
  });
});

describe('a request that is over', () => {
  it('gives its place back where it never left, and may go again', async () => {
    const stage = new Stage({ globalLimit: 1 });
    const admission = await stage.admit(SEND);
    admission.failed('not-sent');
    expect(await now(admission.again())).toBe('admitted');
    expect(stage.limiter.readings()).toMatchObject({ inFlight: 1, repeated: 1 });
  });

  it('may not go again when nobody knows whether it was executed', async () => {
    const admission = await new Stage().admit(SEND);
    admission.abandoned();
    expect(() => admission.again()).toThrow('may have been executed');
  });

  it('counts once, however often it is told of', async () => {
    const stage = new Stage();
    const admission = await stage.admit(SEND);
    admission.done(ok(5, 4, 1_000));
    admission.done(ok(5, 4, 1_000));
    admission.abandoned();
    expect(stage.limiter.readings().inFlight).toBe(0);
  });
});

describe('a 429', () => {
  it('of its own limit makes the bucket wait, and the request goes first again', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 4, 1_000));
    stage.clock.advance(10);
    const admission = await stage.admit(SEND);
    const verdict = admission.done(limited('user', 2_000, limitHeaders(5, 0, 5_000, 'hash')));
    expect(verdict).toEqual({ kind: 'retry', afterMs: expect.closeTo(2_005, 0) });
    const other = stage.ask(SEND);
    const again = admission.again();
    stage.clock.advance(2_004);
    expect(await now(again)).toBe('waiting');
    stage.clock.advance(10);
    expect([await now(again), await now(other)]).toEqual(['admitted', 'waiting']);
  });

  it('is delivered when the wait is longer than the deadline', async () => {
    const admission = await new Stage().admit(SEND, { deadlineMs: 1_000 });
    expect(admission.done(limited('user', 2_000))).toEqual({ kind: 'deliver' });
  });

  it('is delivered at last when it comes again and again', async () => {
    const stage = new Stage();
    let admission = await stage.admit(SEND);
    for (let attempt = 1; attempt < 5; attempt++) {
      expect(admission.done(limited('user', 100)).kind).toBe('retry');
      const again = admission.again();
      stage.clock.advance(110);
      admission = admitted(await again);
    }
    expect(admission.done(limited('user', 100)).kind).toBe('deliver');
  });

  it('of a limit that no header shows makes its route wait, and no other of the bucket', async () => {
    const stage = new Stage();
    (await stage.admit('PATCH /channels/1')).done(ok(5, 4, 1_000));
    (await stage.admit('GET /channels/1')).done(ok(5, 3, 2_000));
    stage.clock.advance(10_000);
    (await stage.admit('PATCH /channels/1')).done(limited('user', 20_000, limitHeaders(5, 4, 1_000, 'hash')));
    expect(await now(stage.ask('PATCH /channels/1'))).toBe('waiting');
    expect(await now(stage.ask('GET /channels/1'))).toBe('admitted');
    expect(stage.limiter.readings().limited).toMatchObject({ user: 1, hidden: 1 });
  });

  it('that is shared makes the resource wait and does not count as invalid', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(limited('shared', 2_000));
    expect(await now(stage.ask(SEND))).toBe('waiting');
    expect(await now(stage.ask('POST /channels/2/messages'))).toBe('admitted');
    expect(stage.egress.invalidRequests).toBe(0);
  });

  it('that is global makes the application wait, but for interactions', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(limited('global', 2_000));
    const waiting = stage.ask('GET /channels/7');
    expect(await now(waiting)).toBe('waiting');
    expect(await now(stage.ask('POST /interactions/5/token/callback'))).toBe('admitted');
    expect(stage.limiter.readings().globalWaitMs).toBeGreaterThan(1_900);
    stage.clock.advance(2_010);
    expect(await now(waiting)).toBe('admitted');
  });

  it("that is not Discord's stops everything from the address, with an alarm", async () => {
    const stage = new Stage();
    const html = {
      status: 429,
      header: (name: string) => (name === 'retry-after' ? '10' : undefined),
      body: '<html>',
    };
    (await stage.admit(SEND)).done(html);
    expect(stage.alarms).toEqual([{ kind: 'address-blocked', forMs: 10_005 }]);
    const interaction = stage.ask('POST /interactions/5/token/callback');
    expect(await now(interaction)).toBe('waiting');
    expect(await stage.ask(SEND, { deadlineMs: 5_000 })).toMatchObject({ reason: 'deadline' });
    stage.clock.advance(10_010);
    expect(await now(interaction)).toBe('admitted');
  });
});

describe('protection', () => {
  const refusal = (status: number, code = 0) => ({
    status,
    header: () => undefined,
    body: JSON.stringify({ message: '', code }),
  });

  it('locks a bot token that Discord refuses until it is another', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(refusal(401));
    expect(await stage.ask(SEND)).toMatchObject({ reason: 'token-locked', retryAfterMs: undefined });
    expect(await now(stage.ask('POST /interactions/5/token/callback'))).toBe('admitted');
    stage.limiter.rotateToken('second');
    expect(await now(stage.ask(SEND))).toBe('admitted');
    expect(stage.tokenLocks).toBe(1);
  });

  it('takes a late 401 for a token that has changed meanwhile for what it is', async () => {
    const stage = new Stage();
    const admission = await stage.admit(SEND);
    stage.limiter.rotateToken('second');
    admission.done(refusal(401));
    expect(await now(stage.ask('GET /channels/1'))).toBe('admitted');
  });

  it('takes a 401 of a webhook token for no word about the bot token', async () => {
    const stage = new Stage();
    (await stage.admit('POST /webhooks/5/token')).done(refusal(401));
    expect(await now(stage.ask(SEND))).toBe('admitted');
  });

  it('locks a webhook that does not exist, and not one that misses a message', async () => {
    const stage = new Stage({ limits: { maxLockedWebhooks: 1 } });
    (await stage.admit('GET /webhooks/5/token/messages/9')).done(refusal(404, 10_008));
    (await stage.admit('POST /webhooks/5/token')).done(refusal(404, 10_015));
    expect(await stage.ask('POST /webhooks/5/token')).toMatchObject({ reason: 'unknown-webhook' });
    (await stage.admit('POST /webhooks/6/token')).done(refusal(404, 10_015));
    expect(await now(stage.ask('POST /webhooks/5/token'))).toBe('admitted');
    expect(stage.limiter.readings().lockedWebhooks).toBe(1);
  });

  it('refuses the account that causes invalid requests, also what of it waits', async () => {
    const stage = new Stage({ invalid: { alarmAt: 1, shedAt: 2, stopAt: 100 } });
    const admissions = [await stage.admit('GET /channels/1'), await stage.admit('GET /channels/2')];
    const waiting = stage.ask('GET /channels/2');
    for (const admission of admissions) admission.done(refusal(403));
    expect(await waiting).toMatchObject({ reason: 'invalid-requests' });
    expect(await stage.ask('GET /channels/3')).toMatchObject({ retryAfterMs: expect.any(Number) });
    expect(await now(stage.ask('GET /channels/3', { account: 'b' }))).toBe('admitted');
  });
});
