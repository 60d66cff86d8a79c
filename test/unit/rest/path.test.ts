import { describe, expect, it } from 'vitest';
import { MAX_TARGET_CHARACTERS, type PathRefusal, parsePath } from '../../../src/rest/path.ts';

function reasonFor(target: string): PathRefusal | undefined {
  const parsed = parsePath(target);
  return parsed.kind === 'refused' ? parsed.reason : undefined;
}

describe('a path', () => {
  it('is split into what follows the version, and keeps its query as it came', () => {
    expect(parsePath('/api/v10/channels/1/messages?limit=5&around=%2F..%2F')).toEqual({
      kind: 'path',
      path: '/api/v10/channels/1/messages',
      query: '?limit=5&around=%2F..%2F',
      version: 10,
      segments: ['channels', '1', 'messages'],
    });
  });

  it.each([6, 7, 8, 9, 10])('may name version %i', (version) => {
    expect(parsePath(`/api/v${version}/gateway`)).toMatchObject({ version, segments: ['gateway'] });
  });

  it('may name no version', () => {
    expect(parsePath('/api/gateway/bot')).toMatchObject({ version: undefined, segments: ['gateway', 'bot'] });
  });

  it('has its emoji unescaped to be judged and escaped to be forwarded', () => {
    const parsed = parsePath('/api/v10/channels/1/messages/2/reactions/%f0%9f%91%8d/%40me');
    expect(parsed).toMatchObject({
      path: '/api/v10/channels/1/messages/2/reactions/%F0%9F%91%8D/@me',
      segments: ['channels', '1', 'messages', '2', 'reactions', '👍', '@me'],
    });
    expect(parsePath('/api/v9/channels/1/messages/2/reactions/name%3A123')).toMatchObject({
      path: '/api/v9/channels/1/messages/2/reactions/name:123',
    });
  });

  it.each<[PathRefusal, string]>([
    ['not-a-path', ''],
    ['not-a-path', '*'],
    ['not-a-path', 'api/v10/gateway'],
    ['not-a-path', 'http://discord.com/api/v10/gateway'],
    ['not-a-path', 'evil.example:443'],
    ['empty-segment', '//evil.example/api/v10/gateway'],
    ['empty-segment', '/api//v10/gateway'],
    ['empty-segment', '/api/v10/gateway/'],
    ['dot-segment', '/api/v10/../../login'],
    ['dot-segment', '/api/v10/./gateway'],
    ['dot-segment', '/api/v10/%2e%2e/%2E%2E/login'],
    ['dot-segment', '/api/v10/.%2e/login'],
    ['characters', '/api/v10/..;/login'],
    ['characters', '/api\\v10\\gateway'],
    ['characters', '/api/v10/gateway#x'],
    ['characters', '/api/v10/gate way'],
    ['characters', '/api/v10/gateway\r\nHost: evil.example'],
    ['characters', '/api/v10/gateway\u0000'],
    ['characters', '/api/v10/gatewäy'],
    ['characters', '/api/v10/gateway?x=ä'],
    ['escape', '/api/v10/channels%2f1/messages'],
    ['escape', '/api/v10/channels/1%5c..%5c2'],
    ['escape', '/api/v10/channels/%252e%252e'],
    ['escape', '/api/v10/channels/1%00'],
    ['escape', '/api/v10/channels/1%0d%0a'],
    ['escape', '/api/v10/channels/%ff'],
    ['escape', '/api/v10/channels/%c0%ae%c0%ae'],
    ['escape', '/api/v10/channels/%e'],
    ['outside-api', '/login'],
    ['outside-api', '/API/v10/gateway'],
    ['outside-api', '/api'],
    ['outside-api', '/api/v10'],
    ['version', '/api/v5/gateway'],
    ['version', '/api/v11/gateway'],
    ['version', '/api/v010/gateway'],
    ['too-long', `/api/v10/${'x'.repeat(MAX_TARGET_CHARACTERS)}`],
  ])('is refused for %s: %j', (reason, target) => {
    expect(reasonFor(target)).toBe(reason);
  });

  it('means the same when what is forwarded is parsed again', () => {
    const pieces = [
      'channels',
      '1',
      '%41',
      '%f0%9f%91%8d',
      'a:b',
      '@me',
      '%40me',
      '..',
      '%2e',
      '.',
      '%2f',
      '~',
      'é',
      "'(",
    ];
    let taken = 0;
    for (const a of pieces) {
      for (const b of pieces) {
        for (const c of pieces) {
          const parsed = parsePath(`/api/v10/${a}/${b}${c}`);
          if (parsed.kind === 'refused') continue;
          taken++;
          expect(parsePath(parsed.path + parsed.query)).toEqual(parsed);
          expect(new URL(parsed.path, 'https://discord.com').pathname).toBe(parsed.path);
        }
      }
    }
    expect(taken).toBeGreaterThan(500);
  });
});
