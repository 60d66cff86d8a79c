import { describe, expect, it } from 'vitest';
import { limited, now, ok, Stage } from './stage.ts';

const SEND = 'POST /channels/1/messages';

describe('a request that waits', () => {
  it('leaves when its worker does, and makes room', async () => {
    const stage = new Stage();
    await stage.admit(SEND);
    const leaving = new AbortController();
    const waiting = stage.ask(SEND, {}, leaving.signal);
    leaving.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(stage.limiter.readings()).toMatchObject({ queued: 0, queuedBytes: 0, left: 1 });
  });

  it('is refused at its deadline', async () => {
    const stage = new Stage();
    await stage.admit(SEND);
    const waiting = stage.ask(SEND, { deadlineMs: 500 });
    stage.clock.advance(499);
    expect(await now(waiting)).toBe('waiting');
    stage.clock.advance(1);
    expect(await waiting).toMatchObject({ reason: 'deadline' });
    expect(stage.limiter.readings().queued).toBe(0);
  });

  it('is refused at once when it certainly has to wait for longer, and told for how long and at which limit', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 0, 9_000));
    expect(await stage.ask(SEND, { deadlineMs: 1_000 })).toMatchObject({
      reason: 'deadline',
      retryAfterMs: expect.closeTo(8_000, -2),
      route: 'POST /channels/:channel/messages',
      bucket: 'hash',
    });
    expect(await now(stage.ask(SEND, { deadlineMs: 10_000 }))).toBe('waiting');
  });

  it('is refused at once when its turn at the global limit would come too late, and told when it would not', async () => {
    const stage = new Stage({ globalLimit: 10 });
    const ask = (channel: number, account: string, deadlineMs: number) =>
      stage.ask(`GET /channels/${channel}`, { account, deadlineMs });
    // 10 go, 100 wait: those of `a` for 10 s, and another account's not behind them.
    for (let channel = 0; channel < 110; channel++) void ask(channel, 'a', 60_000);
    expect(await ask(200, 'a', 5_000)).toMatchObject({
      reason: 'deadline',
      retryAfterMs: expect.closeTo(4_000, -3),
    });
    expect(await now(ask(200, 'b', 5_000))).toBe('waiting');
    expect(await now(ask(200, 'a', 12_000))).toBe('waiting');
  });

  it('is judged by when a global hold ends, and by those that wait for its end', async () => {
    const stage = new Stage({ globalLimit: 100 });
    const first = await stage.admit('GET /channels/1');
    for (let channel = 10; channel < 410; channel++) {
      void stage.ask(`GET /channels/${channel}`, { deadlineMs: 600_000 });
    }
    stage.clock.advance(1_100);
    first.done(limited('global', 5_000));
    stage.clock.advance(3_900);
    // The hold has 1.1 s to go, and two hundred wait: two seconds' worth, of which the first goes at once.
    expect(await stage.ask('GET /channels/1000', { deadlineMs: 2_000 })).toMatchObject({
      reason: 'deadline',
    });
    expect(await now(stage.ask('GET /channels/1000', { deadlineMs: 5_000 }))).toBe('waiting');
  });

  it('is not judged by a time in which nothing was allowed to go', async () => {
    const stage = new Stage({ globalLimit: 10 });
    const first = await stage.admit('GET /channels/1');
    for (let channel = 10; channel < 130; channel++) {
      void stage.ask(`GET /channels/${channel}`, { deadlineMs: 600_000 });
    }
    stage.clock.advance(2_200);
    first.done(limited('global', 60_000));
    stage.clock.advance(60_100);
    // Some 90 wait, which takes nine seconds.
    expect(await now(stage.ask('GET /channels/1000', { deadlineMs: 12_000 }))).toBe('waiting');
  });

  it('is taken when it comes again after as long as it was told', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 0, 9_000));
    const refused = await stage.ask(SEND, { deadlineMs: 1_000 });
    stage.clock.advance(refused.kind === 'refused' ? (refused.retryAfterMs ?? 0) : 0);
    expect(await now(stage.ask(SEND, { deadlineMs: 1_000 }))).toBe('waiting');
  });

  it('is refused where the queue of its bucket, of its account, or of all is full', async () => {
    const stage = new Stage({
      limits: { maxQueuedPerBucket: 4, maxQueuedPerAccount: 3, maxQueued: 6, maxQueuedBytesPerBucket: 1_000 },
    });
    await stage.admit(SEND);
    await stage.admit('GET /channels/2');
    const states = async (account: string, path: string, bytes = 100) =>
      now(stage.ask(path, { account, bytes }));
    expect(await states('a', SEND)).toBe('waiting');
    expect(await states('a', SEND)).toBe('waiting');
    // Half of a bucket's queue is for others.
    expect(await states('a', SEND)).toBe('bucket-queue-full');
    expect(await states('b', SEND, 900)).toBe('bucket-queue-full');
    expect(await states('b', SEND)).toBe('waiting');
    expect(await states('a', 'GET /channels/2')).toBe('waiting');
    expect(await states('a', 'GET /channels/2')).toBe('account-queue-full');
    expect(await states('b', 'GET /channels/2')).toBe('waiting');
    expect(await states('c', SEND)).toBe('waiting');
    expect(await states('d', 'GET /channels/2')).toBe('queue-full');
  });
});
