import { describe, expect, test } from 'vitest';
import { simulatorOptions } from '../../../src/commands/simulate.ts';

describe('flags of shardmux simulate', () => {
  test('of the REST API go together', () => {
    const flags = { 'rest-latency': '50ms', 'rest-jitter': '10', 'rest-global-limit': '200' };
    expect(simulatorOptions(flags)).toMatchObject({
      options: { rest: { latencyMs: 50, jitterMs: 10, globalLimit: 200 } },
    });
  });

  test.each([
    ['cert.pem', /is not two files/],
    ['/nowhere/cert.pem,/nowhere/key.pem', /cannot be read .*ENOENT/],
  ])('of a certificate name two files, not %s', (tls, wrong) => {
    expect(simulatorOptions({ tls })).toMatchObject({ ok: false, wrong: expect.stringMatching(wrong) });
  });

  test('give guilds a true state only where they ask for it', () => {
    expect(simulatorOptions({})).toMatchObject({
      options: expect.not.objectContaining({ guildState: true }),
    });
    expect(simulatorOptions({ 'guild-state': '' })).toMatchObject({ options: { guildState: true } });
  });

  test('say how much is in a guild', () => {
    const guildSize = { channels: 30, roles: 20, members: 50 };
    expect(simulatorOptions({ 'guild-size': '30,20,50' })).toMatchObject({
      ok: true,
      options: { guildSize },
    });
  });

  test.each(['30', '30,20', '0,1,1', 'a,b,c', '1,1,1,1'])('refuse %s as the size of a guild', (raw) => {
    expect(simulatorOptions({ 'guild-size': raw })).toMatchObject({
      ok: false,
      wrong: '--guild-size is not three numbers.',
    });
  });
});
