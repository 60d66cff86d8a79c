import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../../src/simulator/random.ts';
import { readBody } from '../../../../src/simulator/rest/body.ts';
import { boundaryOf } from '../../../../src/simulator/rest/multipart.ts';
import { readTarget, strayHeader } from '../../../../src/simulator/rest/request-head.ts';
import { ROUTE_TREE, ROUTES } from '../../../../src/simulator/rest/routes/index.ts';
import { RouteTree } from '../../../../src/simulator/rest/rules/route-tree.ts';
import { Messages } from '../../../../src/simulator/rest/state/messages.ts';

const LIMITS = { maxJsonBytes: 10_000, maxFileBytes: 100_000 };

function formBytes(file: Buffer, boundary: string): Buffer {
  const head = (disposition: string) => `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n`;
  return Buffer.concat([
    Buffer.from(`${head('name="payload_json"')}\r\n{"content":"ü"}\r\n`),
    Buffer.from(`${head('name="files[0]"; filename="a;b.png"')}Content-Type: image/png\r\n\r\n`),
    file,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

describe('a form', () => {
  test.each([1, 2, 3, 4, 5, 6])('is read the same wherever its chunks end (seed %i)', async (seed) => {
    const random = new Random(seed);
    const boundary = `----b${seed}`;
    // Much that looks like the beginning of a delimiter.
    const pieces = ['\r', '\n', '\r\n', '\r\n-', `\r\n--${boundary.slice(0, -1)}`, 'x', '--'];
    const file = Buffer.from(Array.from({ length: 2_000 }, () => random.pick(pieces)).join(''));
    const bytes = formBytes(file, boundary);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(seed * 40);
      chunks.push(bytes.subarray(at, at + length));
      at += length;
    }
    const body = await readBody(Readable.from(chunks), `multipart/form-data; boundary=${boundary}`, LIMITS);
    expect(body).toEqual({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      content: {
        kind: 'form',
        json: { content: 'ü' },
        files: [
          {
            field: 'files[0]',
            filename: 'a;b.png',
            contentType: 'image/png',
            bytes: file.length,
            sha256: createHash('sha256').update(file).digest('hex'),
          },
        ],
      },
    });
  });

  test.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data; charset=utf-8; boundary="a b"', 'a b'],
    ['Multipart/Form-Data;boundary=abc', 'abc'],
    ['multipart/form-data', undefined],
    ['application/json; boundary=abc', undefined],
  ])('of type %s has the boundary %s', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary);
  });

  test.each([
    ['a file', formBytes(Buffer.alloc(100_001), 'x'), 'too-large'],
    ['no end', Buffer.from('--x\r\n'), 'not-a-form'],
    ['a part without a name', Buffer.from('--x\r\na: b\r\n\r\n\r\n--x--'), 'not-a-form'],
    ['too long a head', Buffer.from(`--x\r\na: ${'b'.repeat(9_000)}`), 'not-a-form'],
  ])('is refused for %s', async (_, bytes, kind) => {
    const body = await readBody(Readable.from([bytes]), 'multipart/form-data; boundary=x', LIMITS);
    expect(body).toMatchObject({ bytes: bytes.length, content: { kind } });
  });
});

describe('where a request goes', () => {
  test.each([
    ['/api/v10/users/@me?a=b', { kind: 'api', version: 10, path: '/users/@me', query: 'a=b' }],
    ['/api/gateway', { kind: 'api', version: 6, path: '/gateway', query: '' }],
    ['/apis/v10/gateway', { kind: 'elsewhere' }],
    ['/api', { kind: 'elsewhere' }],
    ['/api/v10/a?b=/../c//', { kind: 'api', version: 10, path: '/a', query: 'b=/../c//' }],
    ['//api/v10/a', { kind: 'strange', detail: 'an empty segment' }],
    ['/api/v10/a/..', { kind: 'strange', detail: 'a dot segment' }],
    ['/api/v10/a/.%2E/b', { kind: 'strange', detail: 'a dot segment' }],
    ['/api/v10/a\\b', { kind: 'strange', detail: 'an encoded slash' }],
    ['https://discord.com/api/v10/a', { kind: 'strange', detail: 'an absolute URL' }],
  ])('for %s is %o', (url, target) => {
    expect(readTarget(url)).toMatchObject(target);
  });

  test('is a route by its segments, the literal ones first', () => {
    const name = (method: string, path: string) => {
      const match = ROUTE_TREE.match(method, path);
      return match.kind === 'route' ? match.route.template : match.kind;
    };
    expect(name('POST', '/channels/1/messages/bulk-delete')).toBe('/channels/:channel/messages/bulk-delete');
    expect(name('DELETE', '/channels/1/messages/2')).toBe('/channels/:channel/messages/:message');
    expect(name('PUT', '/channels/1/messages/2/reactions/a/@me')).toMatch(/@me$/);
    expect(name('DELETE', '/channels/1/messages/2/reactions/a/3')).toMatch(/:user$/);
    expect(name('GET', '/users/@me')).toBe('/users/@me');
    expect(name('GET', '/users/%40me')).toBe('/users/@me');
    expect(name('GET', '/users/%zz')).toBe('/users/:user');
    expect(name('PUT', '/users/@me')).toBe('wrong-method');
    expect(name('GET', '/channels/1/')).toBe('unknown');
    expect(name('GET', '/channels')).toBe('unknown');
  });

  test('is never two routes', () => {
    const [first] = ROUTES;
    expect(() => new RouteTree([...ROUTES, ...(first ? [first] : [])])).toThrow(/two routes/);
  });
});

test('headers of a stock client are its own, those of a hop are not', () => {
  expect(
    strayHeader({ host: 'discord.com', connection: 'keep-alive', te: 'trailers', via: '1.1 proxy' }),
  ).toBeUndefined();
  expect(strayHeader({ 'x-forwarded-host': 'a' })).toBe('x-forwarded-host');
  expect(strayHeader({ connection: 'close, x-other' })).toBe('connection');
});

describe('kept messages', () => {
  const asked = [{}, { before: '60' }, { after: '60' }, { around: '61' }, { before: '0' }, { after: '999' }];

  test.each(asked)('are paged with %o as by looking at each of them', (cursor: Record<string, string>) => {
    const messages = new Messages(1_000);
    const ids = Array.from({ length: 40 }, (_, index) => index * 3 + 1);
    for (const id of ids) messages.add('c', String(id), { id });
    const { before, after, around } = cursor;
    const older = before === undefined ? ids : ids.filter((id) => id < Number(before));
    const newer = ids.filter((id) => id > Number(after));
    const from = ids.findIndex((id) => id >= Number(around));
    const expected = after ? newer.slice(0, 5) : around ? ids.slice(from - 2, from + 3) : older.slice(-5);
    expect(messages.page('c', { limit: 5, ...cursor }).map(({ id }) => id)).toEqual(expected.toReversed());
  });

  test('are the newest of all channels', () => {
    const messages = new Messages(3);
    for (const [channel, id] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['b', '4'],
    ] as const)
      messages.add(channel, id, { id });
    expect([messages.find('a', '1'), messages.size]).toEqual([undefined, 3]);
    expect(messages.delete('b', '2')).toBe(true);
    expect([messages.delete('b', '2'), messages.size]).toEqual([false, 2]);
  });
});
