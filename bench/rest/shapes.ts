/** What is asked and answered: requests as libraries write them, answers with the headers that Discord's have. Pure. */

export const SHAPES = ['post', 'get'] as const;
/** `post`: a message is sent. `get`: some messages are read, 4 KB. */
export type Shape = (typeof SHAPES)[number];

/** Every one of them is a bucket for each shape. */
export const CHANNELS = 500;
const FIRST_CHANNEL = 1_100_000_000_000_000_000n;

const MESSAGE = JSON.stringify({
  content: 'The build of the branch that you follow is through: 1,204 tests, none of them failed.',
  tts: false,
  allowed_mentions: { parse: [], replied_user: false },
  flags: 0,
});

/** One for each channel; the token of the channel is that at its place, from the start again after the last. */
export function requestsOf(shape: Shape, tokens: readonly string[]): Buffer[] {
  return Array.from({ length: CHANNELS }, (_, at) => {
    const target = `/api/v10/channels/${channelAt(at)}/messages`;
    const token = tokens[at % tokens.length] ?? '';
    return Buffer.from(
      shape === 'get'
        ? `${head('GET', `${target}?limit=10`, token)}\r\n`
        : `${head('POST', target, token)}content-type: application/json\r\ncontent-length: ${MESSAGE.length}\r\n\r\n${MESSAGE}`,
    );
  });
}

/** Of a file, whose bytes follow. */
export function uploadHead(at: number, tokens: readonly string[], bytes: number): string {
  const token = tokens[at % tokens.length] ?? '';
  const target = `/api/v10/channels/${channelAt(at)}/messages`;
  return `${head('POST', target, token)}content-type: multipart/form-data; boundary=b\r\ncontent-length: ${bytes}\r\n\r\n`;
}

function channelAt(at: number): string {
  return String(FIRST_CHANNEL + BigInt(at));
}

function head(method: string, target: string, token: string): string {
  return [
    `${method} ${target} HTTP/1.1`,
    'host: shardmux.example',
    'connection: keep-alive',
    `authorization: Bot ${token}`,
    'user-agent: DiscordBot (https://bot.example, 1.0.0)',
    'accept: */*',
    'accept-language: *',
    'sec-fetch-mode: cors',
    'accept-encoding: br, gzip, deflate',
    '',
  ].join('\r\n');
}

const AUTHOR = { id: '80351110224678912', username: 'bench', discriminator: '0', avatar: null, bot: true };
const SENT = {
  type: 0,
  content: 'The build of the branch that you follow is through: 1,204 tests, none of them failed.',
  mentions: [],
  mention_roles: [],
  attachments: [],
  embeds: [],
  timestamp: '2026-01-01T00:00:00.000000+00:00',
  edited_timestamp: null,
  flags: 0,
  components: [],
  id: '1200000000000000000',
  channel_id: '1100000000000000000',
  author: AUTHOR,
  pinned: false,
  mention_everyone: false,
  tts: false,
};

const ANSWERS: Readonly<Record<Shape, string>> = {
  post: JSON.stringify(SENT),
  get: JSON.stringify(Array.from({ length: 9 }, () => SENT)),
};

export interface Limit {
  readonly limit: number;
  readonly remaining: number;
  readonly resetAfterMs: number;
}

/** An answer 200, whole. */
export function answerOf(shape: Shape, { limit, remaining, resetAfterMs }: Limit, nowMs: number): string {
  const body = ANSWERS[shape];
  return [
    'HTTP/1.1 200 OK',
    'Date: Thu, 01 Jan 2026 00:00:00 GMT',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: keep-alive',
    'CF-RAY: 9b0000000000abcd-FRA',
    'CF-Cache-Status: DYNAMIC',
    'Set-Cookie: __dcfduid=0000000000000000000000000000000000; Expires=Tue, 31-Dec-2030 00:00:00 GMT; Path=/; Secure; HttpOnly',
    'Strict-Transport-Security: max-age=31536000; includeSubDomains; preload',
    'Vary: Accept-Encoding',
    'Via: 1.1 google',
    `x-ratelimit-bucket: ${shape === 'post' ? '80c17d2f203122d936070c88c8d10f33' : '41f9cd5d28af77da04563bcb1d67fdfd'}`,
    `x-ratelimit-limit: ${limit}`,
    `x-ratelimit-remaining: ${remaining}`,
    `x-ratelimit-reset: ${((nowMs + resetAfterMs) / 1_000).toFixed(3)}`,
    `x-ratelimit-reset-after: ${(resetAfterMs / 1_000).toFixed(3)}`,
    'alt-svc: h3=":443"; ma=86400',
    'Report-To: {"endpoints":[{"url":"https://a.example/report/v4"}],"group":"cf-nel","max_age":604800}',
    'Server: cloudflare',
    'X-Content-Type-Options: nosniff',
    '',
    body,
  ].join('\r\n');
}
