import { describe, expect, it } from 'vitest';
import { answerOf, requestsOf } from '../../../bench/rest/shapes.ts';
import { MessageSplitter } from '../../../bench/rest/splitter.ts';

function split(chunks: readonly Buffer[]): { heads: string[]; ends: number } {
  const heads: string[] = [];
  let ends = 0;
  const splitter = new MessageSplitter({ onHead: (head) => heads.push(head), onEnd: () => ends++ });
  for (const chunk of chunks) splitter.push(chunk);
  return { heads, ends };
}

const LIMIT = { limit: 10, remaining: 9, resetAfterMs: 1_000 };

describe('the splitter of HTTP messages', () => {
  it('finds requests with and without a body in one piece', () => {
    const [post, get] = [requestsOf('post', ['a'])[0], requestsOf('get', ['a'])[1]];
    if (!post || !get) throw new Error('there are requests for every channel');
    const { heads, ends } = split([Buffer.concat([post, get, post])]);
    expect(heads.map((head) => head.split(' ', 1)[0])).toEqual(['POST', 'GET', 'POST']);
    expect(ends).toBe(3);
  });

  it('finds the same however the bytes are cut', () => {
    const bytes = Buffer.from(answerOf('post', LIMIT, 0).repeat(2), 'latin1');
    const whole = split([bytes]);
    for (const size of [1, 7, 100, 700]) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(split(chunks)).toEqual(whole);
    }
    expect(whole.ends).toBe(2);
  });

  it('says nothing of an end before the last byte of a body', () => {
    const bytes = Buffer.from(answerOf('get', LIMIT, 0), 'latin1');
    expect(split([bytes.subarray(0, -1)])).toMatchObject({ heads: [expect.any(String)], ends: 0 });
  });

  it('refuses a body without a length', () => {
    expect(() => split([Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')])).toThrow(
      'a body without a length',
    );
  });
});
