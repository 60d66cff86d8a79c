/** Random changes to the bytes of requests, the same for the same seed. */

/** mulberry32: small, and good enough to choose with. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** What readers of HTTP have disagreed on. */
const NASTY: readonly string[] = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '\n\n',
    ' ',
    '\t',
    '\0',
    '\x0b',
    '\x7f',
    '\x85',
    '\xa0',
    '\xff',
    ':',
    ';',
    ',',
    '"',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: identity\r\n',
    'Transfer-Encoding:\r\n chunked\r\n',
    'Transfer_Encoding: chunked\r\n',
  ],
  ...[
    'Content-Length: 0\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: 99999999999999999999\r\n',
    'content-length : 3\r\n',
  ],
  ...[
    'Host: evil.example\r\n',
    'Connection: close, authorization\r\n',
    'Connection: upgrade\r\nUpgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
  ],
  ...[
    'Authorization: Bot other\r\n',
    'Authorization: Bearer other\r\n',
    'X-Shardmux-Authorization: Bot other\r\n',
    'Trailer: Authorization\r\n',
  ],
  ...[
    '0\r\n\r\n',
    '0\r\nX: y\r\n\r\n',
    'ffffffff\r\n',
    '-1\r\n',
    '1;ext="\r\n"\r\n',
    'GET /api/v10/users/@me HTTP/1.1\r\n',
  ],
  ...[
    '../',
    '/..',
    '%2e%2e/',
    '%252e',
    '%2f',
    '%5c',
    '//',
    '\\',
    '/./',
    '%00',
    '%0d%0a',
    '#',
    '?',
    ';x',
    '@evil.example',
    'http://evil.example',
  ],
  ...[' HTTP/1.0', ' HTTP/2.0', 'CONNECT ', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
];

type Mutation = (text: string, random: (below: number) => number) => string;

const MUTATIONS: readonly Mutation[] = [
  (text, random) => splice(text, random(text.length), 1, String.fromCharCode(random(256))),
  (text, random) => splice(text, random(text.length), 0, NASTY[random(NASTY.length)] ?? ''),
  (text, random) => splice(text, random(text.length), 0, NASTY[random(NASTY.length)] ?? ''),
  (text, random) => splice(text, random(text.length), 1 + random(12), ''),
  (text, random) => splice(text, random(text.length), 1 + random(12), NASTY[random(NASTY.length)] ?? ''),
  // A line twice, or in another place.
  (text, random) => {
    const lines = text.split('\r\n');
    lines.splice(random(lines.length), 0, lines[random(lines.length)] ?? '');
    return lines.join('\r\n');
  },
  (text, random) => text.replace(/\d+/g, (digits) => (random(4) === 0 ? String(random(1_000)) : digits)),
  (text, random) => text.replace(/[a-z]+/gi, (word) => (random(12) === 0 ? word.toUpperCase() : word)),
  (text, random) => text.replaceAll('\r\n', () => (random(6) === 0 ? '\n' : '\r\n')),
  (text, random) => text + text.slice(random(text.length)),
  (text, random) => text.slice(0, random(text.length)),
];

/** One to four changes. */
export function mutate(text: string, random: (below: number) => number): string {
  let mutated = text;
  for (let left = 1 + random(4); left > 0; left--) {
    mutated = MUTATIONS[random(MUTATIONS.length)]?.(mutated, random) ?? mutated;
  }
  return mutated;
}

function splice(text: string, at: number, length: number, put: string): string {
  return text.slice(0, at) + put + text.slice(at + length);
}
