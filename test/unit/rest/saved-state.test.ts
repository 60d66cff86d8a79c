import { describe, expect, it } from 'vitest';
import { now, ok, Stage } from './stage.ts';

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
});
