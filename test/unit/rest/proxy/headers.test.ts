import { describe, expect, it } from 'vitest';
import { forwardedRequestHeaders, forwardedResponseHeaders } from '../../../../src/rest/proxy/headers.ts';

describe('headers of a request', () => {
  it('keep spelling, order, repetition and bytes', () => {
    const raw = ['User-Agent', 'DiscordBot', 'x-A', '1', 'X-a', '2', 'X-Audit-Log-Reason', 'caf\u00e9'];
    expect(forwardedRequestHeaders(raw, 'keep-alive')).toEqual(raw);
  });

  it.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'HTTP2-Settings',
    'Host',
    'Authorization',
    'Content-Length',
    'Expect',
    'Forwarded',
    'Via',
    'X-Real-IP',
    'X-Forwarded-For',
    'X-Shardmux-Anything',
  ])('do not have %s', (name) => {
    expect(forwardedRequestHeaders(['A', '1', name, 'x', 'B', '2'], undefined)).toEqual(['A', '1', 'B', '2']);
  });

  it('do not have those that Connection lists, however it is written', () => {
    expect(forwardedRequestHeaders(['X-One', '1', 'x-two', '2', 'C', '3'], 'close , x-ONE,X-Two')).toEqual([
      'C',
      '3',
    ]);
  });
});

describe('headers of an answer', () => {
  it('come from pairs of bytes', () => {
    const raw = ['Via', '1.1 google', 'Set-Cookie', 'a=1', 'set-cookie', 'caf\u00e9'];
    expect(forwardedResponseHeaders(raw.map((text) => Buffer.from(text, 'latin1')))).toEqual(raw);
  });

  it('come from the object that HTTP/2 has, without its own', () => {
    expect(
      forwardedResponseHeaders({
        ':status': '200',
        via: '1.1 google',
        'set-cookie': ['a=1', 'b=2'],
        gone: undefined,
      }),
    ).toEqual(['via', '1.1 google', 'set-cookie', 'a=1', 'set-cookie', 'b=2']);
  });

  it('do not have those of the hop, nor the offer of another protocol', () => {
    const raw = [
      'Connection',
      'close, X-Hop',
      'X-Hop',
      '1',
      'Transfer-Encoding',
      'chunked',
      'Alt-Svc',
      'h3',
      'A',
      '1',
    ];
    expect(forwardedResponseHeaders(raw)).toEqual(['A', '1']);
  });
});
