import { describe, expect, it } from 'vitest';
import { admitted, limited, limitHeaders, now, ok, Stage } from './stage.ts';

describe('a limit that no header shows', () => {
  it('is learnt from its first 429, and met again in no channel', async () => {
    const stage = new Stage();
    const publish = (channel: number) => `POST /channels/${channel}/messages/9/crosspost`;
    const accept = async (channel: number) => (await stage.admit(publish(channel))).done(ok(50, 49, 100));
    for (let one = 0; one < 3; one++) await accept(1);
    const headers = limitHeaders(50, 46, 400, 'hash');
    (await stage.admit(publish(1))).done(limited('user', 60_000, headers));
    stage.clock.advance(60_010);
    for (let one = 0; one < 3; one++) await accept(1);
    const asked = stage.ask(publish(1), { deadlineMs: 100_000 });
    expect(await now(asked)).toBe('waiting');
    for (let one = 0; one < 3; one++) await accept(2);
    expect(await stage.ask(publish(2))).toMatchObject({ reason: 'deadline' });
    stage.clock.advance(60_020);
    expect(await now(asked)).toBe('admitted');
    expect(stage.limiter.readings().limited.hidden).toBe(1);
    const after = new Stage({ clock: stage.clock });
    after.limiter.import(JSON.parse(JSON.stringify(stage.limiter.export())));
    for (let one = 0; one < 3; one++) (await after.admit(publish(3))).done(ok(50, 49, 100));
    expect(await now(after.ask(publish(3), { deadlineMs: 100_000 }))).toBe('waiting');
  });

  it('is known of the names of channels, and of no other change of them', async () => {
    const stage = new Stage();
    const change = (body: object) =>
      stage.ask('PATCH /channels/1', { body: Buffer.from(JSON.stringify(body)) });
    for (const topic of ['a', 'b']) admitted(await change({ topic })).done(ok(50, 49, 100));
    expect(await change({ name: 'c' })).toMatchObject({ reason: 'deadline' });
    admitted(await change({ nsfw: true })).done(ok(50, 49, 100));
    admitted(await stage.ask('PATCH /channels/2', { body: Buffer.from('{"name":"x"}') })).done(
      ok(50, 49, 100),
    );
    stage.clock.advance(600_000);
    expect(await now(change({ name: 'c' }))).toBe('admitted');
  });

  it('of the emoji of a guild is one for all changes of them', async () => {
    const stage = new Stage();
    (await stage.admit('DELETE /guilds/1/emojis/5')).done(ok(50, 49, 100));
    (await stage.admit('POST /guilds/1/emojis')).done(
      limited('user', 60_000, limitHeaders(50, 48, 100, 'hash')),
    );
    expect(await stage.ask('DELETE /guilds/1/emojis/5')).toMatchObject({ reason: 'deadline' });
    expect(await now(stage.ask('GET /guilds/1/emojis'))).toBe('admitted');
    expect(await now(stage.ask('DELETE /guilds/2/emojis/5'))).toBe('admitted');
  });

  it('is no matter of requests that are refused for other reasons', async () => {
    const stage = new Stage();
    const body = Buffer.from('{"name":"x"}');
    for (let one = 0; one < 3; one++) {
      const bad = { ...ok(50, 49, 100), status: 400 };
      admitted(await stage.ask('PATCH /channels/1', { body })).done(bad);
    }
    expect(await now(stage.ask('PATCH /channels/1', { body }))).toBe('admitted');
  });

  it('keeps no lane that nothing was let in of', async () => {
    const stage = new Stage({ limits: { maxLanes: 1 } });
    const body = Buffer.from('{"name":"x"}');
    admitted(await stage.ask('PATCH /channels/1', { body })).done({ ...ok(50, 49, 100), status: 403 });
    stage.clock.advance(3_600_000);
    expect(await now(stage.ask('PATCH /channels/2', { body }))).toBe('admitted');
  });

  it('is forgotten when it was not met for long: whatever caused its 429 may be over', async () => {
    const stage = new Stage();
    const accept = async () => (await stage.admit('POST /channels/1/messages')).done(ok(50, 49, 100));
    await accept();
    const refusal = limited('user', 60_000, limitHeaders(50, 46, 400, 'hash'));
    (await stage.admit('POST /channels/1/messages')).done(refusal);
    stage.clock.advance(60_010);
    await accept();
    expect(await stage.ask('POST /channels/1/messages')).toMatchObject({ reason: 'deadline' });
    stage.clock.advance(600_000);
    for (let one = 0; one < 5; one++) await accept();
  });

  it('that was known beforehand is what it was when a lower one is forgotten', async () => {
    const stage = new Stage();
    const ask = () => stage.ask('PATCH /channels/1', { body: Buffer.from('{"name":"x"}') });
    const accept = async () => admitted(await ask()).done(ok(50, 49, 100));
    await accept();
    admitted(await ask()).done(limited('user', 590_000, limitHeaders(50, 46, 400, 'hash')));
    stage.clock.advance(590_010);
    await accept();
    expect(await ask()).toMatchObject({ reason: 'deadline' });
    stage.clock.advance(1_200_000);
    for (let one = 0; one < 2; one++) await accept();
    expect(await ask()).toMatchObject({ reason: 'deadline' });
  });
});
