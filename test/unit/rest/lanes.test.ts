import { describe, expect, it } from 'vitest';
import { admitted, limited, now, ok, Stage } from './stage.ts';

const SEND = 'POST /channels/1/messages';

describe('the lanes of the limiter', () => {
  it('of one hash are counted together until an answer proves that they are counted apart', async () => {
    const stage = new Stage();
    const edit = 'PATCH /channels/1/messages/9';
    (await stage.admit(SEND)).done(ok(2, 1, 10_000));
    stage.clock.advance(15);
    (await stage.admit(SEND)).done(ok(2, 0, 9_985));
    const first = await stage.admit(edit);
    stage.clock.advance(1);
    // Were it counted with the others, its end would be theirs.
    first.done(ok(2, 1, 5_000));
    stage.clock.advance(10);
    expect(await now(stage.ask(edit))).toBe('admitted');
    expect(await now(stage.ask(SEND))).toBe('waiting');
  });

  it('move to the limit that a route has now', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 4, 1_000));
    stage.clock.advance(1_100);
    (await stage.admit(SEND)).done(ok(2, 1, 1_000, 'another'));
    stage.clock.advance(10);
    const asked = [stage.ask(SEND), stage.ask(SEND)];
    expect(await Promise.all(asked.map(now))).toEqual(['admitted', 'waiting']);
  });

  it('let go of the idle when there are too many, and refuse where none is idle', async () => {
    const stage = new Stage({ limits: { maxLanes: 3 } });
    for (let id = 1; id <= 10; id++) {
      (await stage.admit(`GET /channels/${id}`)).done(ok(5, 4, 1_000));
      stage.clock.advance(6_000);
    }
    expect(stage.limiter.readings().lanes).toBeLessThanOrEqual(3);
    for (let id = 11; id <= 13; id++) await stage.admit(`GET /channels/${id}`);
    expect(await stage.ask('GET /channels/14')).toMatchObject({ reason: 'too-many-buckets' });
  });

  it('let go of the idle though some that were used before them are not', async () => {
    const stage = new Stage({ limits: { maxLanes: 40 } });
    const rename = Buffer.from('{"name":"x"}');
    // Each of these is a lane in use for ten minutes.
    for (let id = 1; id <= 20; id++) {
      admitted(await stage.ask(`PATCH /channels/${id}`, { body: rename })).done(ok(5, 4, 1_000));
    }
    for (let id = 1; id <= 100; id++) {
      (await stage.admit(`POST /interactions/${id}/token/callback`)).done(ok());
      stage.clock.advance(100);
    }
    expect(stage.limiter.readings()).toMatchObject({ refused: {}, evictedLanes: 0 });
  });

  it('of one bucket are all told what comes back, also of a route that is in another by then', async () => {
    const stage = new Stage();
    const [a, b] = ['GET /channels/1', 'GET /channels/1/messages'];
    const answer = async (path: string, hash?: string) =>
      (await stage.admit(path)).done(ok(5, 4, 60_000, hash));
    await answer(a);
    await answer(b);
    const [first, second] = [await stage.admit(a), await stage.admit(a)];
    (await stage.admit(b)).done(limited('shared', 1_000));
    first.done(ok(5, 4, 60_000, 'another'));
    stage.clock.advance(1_010);
    const waits = stage.ask(b);
    expect(await now(waits)).toBe('waiting');
    second.done(ok(5, 3, 60_000, 'another'));
    expect(await now(waits)).toBe('admitted');
  });
});
