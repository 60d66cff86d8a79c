import { describe, expect, it } from 'vitest';
import { limited, limitHeaders, now, ok, Stage } from './stage.ts';
import { mulberry } from './world.ts';

const SEND = 'POST /channels/1/messages';

async function used(): Promise<Stage> {
  const stage = new Stage();
  (await stage.admit('GET /gateway')).done(ok());
  (await stage.admit(SEND)).done(ok(5, 4, 1_000));
  stage.clock.advance(10);
  (await stage.admit(SEND)).done(ok(5, 0, 4_990));
  const lost = await stage.admit('POST /webhooks/5/secret-token');
  lost.done({ status: 404, header: () => undefined, body: '{"code":10015}' });
  (await stage.admit('GET /channels/9')).done({ status: 401, header: () => undefined });
  return stage;
}

describe('what is kept over a restart', () => {
  it('is how far limits are used, and what is locked', async () => {
    const before = await used();
    const state = JSON.parse(JSON.stringify(before.limiter.export()));
    const after = new Stage({ clock: before.clock });
    after.limiter.import(state);
    expect(await after.ask(SEND)).toMatchObject({ reason: 'token-locked' });
    after.limiter.rotateToken('second');
    expect(await now(after.ask(SEND))).toBe('waiting');
    expect(await after.ask('POST /webhooks/5/other')).toMatchObject({ reason: 'unknown-webhook' });
    const open = Array.from({ length: 3 }, () => after.ask('GET /gateway'));
    expect(await Promise.all(open.map(now))).toEqual(['admitted', 'admitted', 'admitted']);
  });

  it('is that a limit was met though it was obeyed: nobody leaves early for it again', async () => {
    const before = new Stage();
    const headers = limitHeaders(1, 0, 1_000, 'hash');
    (await before.admit(SEND)).done({ status: 200, header: headers });
    before.clock.advance(1_010);
    (await before.admit(SEND)).done(limited('user', 500, headers));
    const after = new Stage({ clock: before.clock });
    after.limiter.import(JSON.parse(JSON.stringify(before.limiter.export())));
    for (let round = 0; round < 30; round++) {
      before.clock.advance(1_010);
      const admission = await after.admit(SEND);
      before.clock.advance(100);
      admission.done({ status: 200, header: headers });
    }
    const asked = after.ask(SEND);
    before.clock.advance(999);
    expect(await now(asked)).toBe('waiting');
    before.clock.advance(11);
    expect(await now(asked)).toBe('admitted');
  });

  it('has no token in it', async () => {
    const stage = await used();
    expect(JSON.stringify(stage.limiter.export())).not.toContain('secret-token');
  });

  it.each([
    undefined,
    null,
    'x',
    7,
    {},
    { version: 2 },
    { version: 1, holds: {} },
  ])('is passed over where it is %j', async (state) => {
    const stage = new Stage();
    stage.limiter.import(state);
    expect(await now(stage.ask(SEND))).toBe('admitted');
  });

  it('is passed over piece by piece where it makes no sense, and what is left of it counts', async () => {
    const before = await used();
    const state = JSON.parse(JSON.stringify(before.limiter.export()));
    const [route] = state.routes;
    const [lane] = state.lanes;
    const broken = [null, 7, 'x', [], {}];
    state.routes.unshift(...broken, { ...route, shape: 'b', model: { ...route.model, limit: -1 } });
    state.routes.push({ ...route, shape: 'c', model: { ...route.model, kind: 'other' } });
    state.lanes.unshift(...broken, { ...lane, used: 1e300 }, { ...lane, emptyAtMs: null });
    state.lanes.push({ ...lane, shape: 'of no route' });
    state.lockedWebhooks.push(5, 'a webhook', null);
    state.apart.push(null, 'one');
    state.holds = { application: 'soon', address: -5 };
    state.lockedTokenId = 12;
    const after = new Stage({ clock: before.clock });
    after.limiter.import(state);
    expect(await now(after.ask(SEND))).toBe('waiting');
    expect(after.limiter.readings()).toMatchObject({ lanes: 1, lockedWebhooks: 1, globalWaitMs: 0 });
  });

  it('changes nothing for the worse, whatever of it is lost or replaced', async () => {
    const before = await used();
    const whole = JSON.stringify(before.limiter.export());
    const values = ['null', '-1', '1e999', '"x"', '[]', '{}', 'true', '9e15'];
    for (let seed = 1; seed <= 500; seed++) {
      const random = mulberry(seed);
      const value = values[Math.floor(random() * values.length)]!;
      const fields = [...whole.matchAll(/:(-?[\d.]+|"[^"]*"|true|false|null)/g)];
      const field = fields[Math.floor(random() * fields.length)]!;
      const text = `${whole.slice(0, field.index + 1)}${value}${whole.slice(field.index + field[0].length)}`;
      const after = new Stage({ clock: before.clock });
      after.limiter.import(JSON.parse(text));
      after.limiter.rotateToken('third');
      const asked = [after.ask(SEND), after.ask('GET /gateway')];
      after.clock.advance(1);
      for (const one of asked) expect(['admitted', 'waiting']).toContain(await now(one));
      after.limiter[Symbol.dispose]();
    }
  });

  it('knows within what bounds an interval is', async () => {
    const stage = new Stage();
    (await stage.admit(SEND)).done(ok(5, 4, 1_000));
    const { routes } = JSON.parse(JSON.stringify(stage.limiter.export()));
    expect(routes[0].model.maxIntervalMs).toBeLessThan(1_100);
  });
});
