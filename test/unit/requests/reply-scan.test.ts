import { expect, it } from 'vitest';
import { rateLimitedParts, readRateLimited } from '../../../src/requests/rate-limited.ts';
import { chunkNumbers, findOurNonce, withNonce } from '../../../src/requests/reply-scan.ts';

const OURS = 'shardmux:ab:1';

function chunk(d: object): Buffer {
  return Buffer.from(`{"t":"GUILD_MEMBERS_CHUNK","s":7,"op":0,"d":${JSON.stringify(d)}}`);
}

/** What is left of `d` with another nonce. */
function renamed(d: object, nonce: string | undefined): unknown {
  const payload = chunk(d);
  const found = findOurNonce(payload);
  if (!found) return undefined;
  return JSON.parse(Buffer.concat(withNonce(payload, found, nonce)).toString()).d;
}

it("a nonce of ours gives way to the asker's, wherever it stands", () => {
  for (const d of [
    { guild_id: '1', nonce: OURS, members: [] },
    { nonce: OURS, guild_id: '1', members: [] },
    { guild_id: '1', members: [], nonce: OURS },
    { nonce: OURS },
  ]) {
    expect(renamed(d, 'theirs "\\ \u{1f600}')).toEqual({ ...d, nonce: 'theirs "\\ \u{1f600}' });
    const { nonce: _, ...rest } = d;
    expect(renamed(d, undefined)).toEqual(rest);
  }
});

it('everything else of the payload stays to the byte', () => {
  const payload = Buffer.from('{"t":"X","s":7,"op":0,"d":{"a": 1.0,"nonce":"shardmux:ab:1","b":"\\u00e4"}}');
  const found = findOurNonce(payload);
  expect(Buffer.concat(withNonce(payload, found!, 'n')).toString()).toBe(
    '{"t":"X","s":7,"op":0,"d":{"a": 1.0,"nonce":"n","b":"\\u00e4"}}',
  );
});

it("what a member says is no nonce, and others' nonces are not ours", () => {
  expect(findOurNonce(chunk({ members: [{ nick: `,"nonce":"${OURS}"` }] }))).toBeUndefined();
  expect(findOurNonce(chunk({ members: [], nonce: 'theirs' }))).toBeUndefined();
  expect(findOurNonce(chunk({ members: [] }))).toBeUndefined();
  const both = chunk({ members: [{ nick: `"nonce":"shardmux:ff:9"` }], nonce: OURS });
  expect(findOurNonce(both)?.nonce).toBe(OURS);
});

it('the numbers of a chunk are read wherever they stand', () => {
  expect(chunkNumbers(chunk({ chunk_index: 12, members: [], chunk_count: 100 }))).toEqual({
    index: 12,
    count: 100,
  });
  expect(
    chunkNumbers(chunk({ members: [{ nick: '"chunk_index":5' }], chunk_count: 3, chunk_index: 2 })),
  ).toEqual({
    index: 2,
    count: 3,
  });
  expect(chunkNumbers(chunk({ members: [] }))).toBeUndefined();
});

function limited(d: object): Buffer {
  return Buffer.from(`{"t":"RATE_LIMITED","s":7,"op":0,"d":${JSON.stringify(d)}}`);
}

it('RATE_LIMITED of a member request says for which guild and how long', () => {
  const payload = limited({ opcode: 8, retry_after: 1.5, meta: { guild_id: '1', nonce: OURS } });
  expect(readRateLimited(payload)).toEqual({ guildId: '1', nonce: OURS, retryAfterMs: 1_500 });
  expect(JSON.parse(Buffer.concat(rateLimitedParts(payload, 'theirs')).toString()).d.meta).toEqual({
    guild_id: '1',
    nonce: 'theirs',
  });
});

it('RATE_LIMITED of something else, or that can not be read, is none of ours', () => {
  expect(
    readRateLimited(limited({ opcode: 4, retry_after: 1, meta: { guild_id: '1', nonce: OURS } })),
  ).toBeUndefined();
  expect(readRateLimited(limited({ opcode: 8, retry_after: 1, meta: { guild_id: '1' } }))).toBeUndefined();
  expect(readRateLimited(limited({}))).toBeUndefined();
  expect(readRateLimited(Buffer.from('{'))).toBeUndefined();
});

it('RATE_LIMITED without a time that makes sense is 30 s', () => {
  for (const retry_after of [undefined, -1, 'soon']) {
    const payload = limited({ opcode: 8, retry_after, meta: { guild_id: '1', nonce: OURS } });
    expect(readRateLimited(payload)?.retryAfterMs).toBe(30_000);
  }
});
