/**
 * What shardmux answers by itself, in forms that libraries know from Discord: JSON with `message` and `code`, and `Via`, without
 * which they take a 429 for a ban of their address. Pure.
 */
import { createHash } from 'node:crypto';
import type { PathRefusal } from '../path.ts';
import type { Refused } from '../ports.ts';

export interface OwnAnswer {
  readonly status: number;
  readonly body: object;
  /** Besides those that each has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Discord's words for a webhook that is not there; libraries look at the code. */
const UNKNOWN_WEBHOOK_CODE = 10_015;

/** Where it is not known when the same would be taken. */
const UNKNOWN_WAIT_S = 5;

export const UNAUTHORIZED = error(
  401,
  '401: Unauthorized (shardmux: the token is none of workers.tokens, or without those not the bot token)',
);
export const NO_TOKEN = error(
  401,
  '401: Unauthorized (shardmux: this route needs `Authorization: Bot <worker token>`)',
);
export const OAUTH2_UNKNOWN_WORKER = error(
  401,
  '401: Unauthorized (shardmux: with `Authorization: Bearer` or `Basic`, which are passed on, give the worker token in `X-Shardmux-Authorization: Bot <worker token>`)',
);
export const NOT_FOR_DISCORD = error(
  401,
  '401: Unauthorized (shardmux: with `X-Shardmux-Authorization`, `Authorization` is what is passed on: `Bearer` or `Basic`, or none)',
);
export const BOUND_ELSEWHERE = error(
  401,
  '401: Unauthorized (shardmux: the token is for another application)',
);
export const UNKNOWN_APPLICATION = error(
  404,
  'shardmux: the application of /apps/<application id>/ is not served here',
);
export const NOT_FOUND = error(404, '404: Not Found (shardmux: only paths under /api/ are forwarded)');
export const METHOD_NOT_ALLOWED = error(
  405,
  '405: Method Not Allowed (shardmux: GET, POST, PUT, PATCH and DELETE are forwarded)',
  { allow: 'GET, POST, PUT, PATCH, DELETE' },
);
export const EXPECTATION_FAILED = error(417, 'shardmux: Expect may only be 100-continue');
export const TOO_MANY_HEADERS = error(431, 'shardmux: too many headers');
export const BODY_STALLED = error(408, 'shardmux: the body of the request did not arrive in time');
/** Where the next request on the connection begins can't be told from these. */
export const BROKEN_FRAMING = error(
  400,
  'shardmux: Transfer-Encoding may only be chunked, and not with HTTP/1.0',
  { connection: 'close' },
);
/** The parser takes some that there is nothing to speak in. */
export const OTHER_VERSION = error(505, 'shardmux: HTTP/1.1 and 1.0 are spoken here', {
  connection: 'close',
});
export const AMBIGUOUS_HEADERS = error(
  400,
  'shardmux: Host and Authorization may be there once, and Host must be',
  {
    connection: 'close',
  },
);
export const DISCORD_UNREACHABLE = error(502, 'shardmux: Discord could not be reached');
export const DISCORD_GONE = error(
  502,
  'shardmux: the connection to Discord broke before an answer came; the request may have been executed',
);
export const DISCORD_SILENT = error(
  504,
  'shardmux: Discord did not answer in time; the request may have been executed',
);
export const INTERNAL_ERROR = error(500, 'shardmux: something went wrong here; the log says what');
export const TOO_MANY_CONNECTIONS = error(503, 'shardmux: too many connections', { 'retry-after': '1' });
export const TOKEN_REFUSED = unavailable('Discord does not accept the bot token of this application');
export const SHARDS_UNKNOWN = error(503, 'shardmux: the number of shards is not known yet', {
  'retry-after': String(UNKNOWN_WAIT_S),
});

export function ambiguousApplication(count: number): OwnAnswer {
  return error(
    400,
    `shardmux: there are ${count} applications here and the token is for all of them: bind it to one in workers.tokens, or put /apps/<application id> before /api`,
  );
}

const PATH_REASONS: Readonly<Record<Exclude<PathRefusal, 'outside-api'>, string>> = {
  'not-a-path': 'the target is not a path',
  'too-long': 'the target is too long',
  characters: 'the path has a character that no path of the API has',
  escape: 'the path has an escape that hides something, or that is broken',
  'dot-segment': 'the path has a segment of dots',
  'empty-segment': 'the path has an empty segment',
  version: 'the API version is none of 6 to 10',
};

/** What a refusal of the limiter is to a worker. */
export function refusalAnswer({ reason, retryAfterMs, pathRefusal, route = '', bucket }: Refused): OwnAnswer {
  const limited = (why: string) => limitedFor(why, retryAfterMs, bucket ?? standIn(route));
  switch (reason) {
    case 'method':
      return METHOD_NOT_ALLOWED;
    case 'path':
      return pathAnswer(pathRefusal);
    case 'unknown-webhook':
      return {
        status: 404,
        body: {
          message: 'Unknown Webhook (shardmux: Discord has said so before)',
          code: UNKNOWN_WEBHOOK_CODE,
        },
      };
    case 'token-locked':
      return TOKEN_REFUSED;
    case 'closed':
      return unavailable('it is being restarted', 1);
    case 'deadline':
      return limited('its turn would come after its deadline');
    case 'bucket-queue-full':
      return limited('too many requests wait for the same bucket');
    case 'account-queue-full':
      return limited('too many requests of this worker token wait');
    case 'queue-full':
      return limited('too many requests wait');
    case 'too-many-buckets':
      return limited('too many buckets are in use');
    case 'invalid-requests':
      return limited(
        'too many invalid requests (401, 403, 429) of this worker token: Discord would ban the address',
      );
  }
}

export function pathAnswer(refusal: PathRefusal | undefined): OwnAnswer {
  if (refusal === undefined || refusal === 'outside-api') return NOT_FOUND;
  return error(400, `shardmux: ${PATH_REASONS[refusal]}`);
}

/** What a peer did that is no HTTP, or no HTTP that is safe to pass on. */
export function malformed(code: string | undefined): OwnAnswer {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return error(431, 'shardmux: the headers are too large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return error(408, 'shardmux: the request did not arrive in time');
    default:
      return error(400, `shardmux: this is no request that can be forwarded (${code ?? 'malformed'})`);
  }
}

export function upgradeRefused(method: string | undefined): OwnAnswer {
  if (method === 'CONNECT') return METHOD_NOT_ALLOWED;
  return error(400, 'shardmux: no protocol but HTTP is spoken here; the gateway has a port of its own');
}

export function error(
  status: number,
  message: string,
  headers?: Readonly<Record<string, string>>,
): OwnAnswer {
  return { status, body: { message, code: 0 }, ...(headers === undefined ? {} : { headers }) };
}

/**
 * As Discord's, of scope `shared`: others have used the limit up as well, and libraries don't count it as an invalid request of theirs.
 * disgo waits only where a bucket is named, and discord.js waits for parts of a second only where nothing remains. There is no
 * `X-RateLimit-Limit` and `-Reset`, with which hikari would take the wait for the limit's window.
 */
function limitedFor(why: string, retryAfterMs: number | undefined, bucket: string): OwnAnswer {
  if (retryAfterMs === undefined) return unavailable(why);
  const retryAfterS = Math.max(1, Math.ceil(retryAfterMs)) / 1_000;
  return {
    status: 429,
    body: { message: `shardmux: ${why}`, retry_after: retryAfterS, global: false, code: 0 },
    headers: {
      'retry-after': String(Math.ceil(retryAfterS)),
      'x-ratelimit-scope': 'shared',
      'x-ratelimit-bucket': bucket,
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset-after': String(retryAfterS),
    },
  };
}

/** For a limit that Discord has not told the name of: another for each route, because JDA keeps the first that it is told. */
function standIn(route: string): string {
  return `shardmux-${createHash('sha256').update(route).digest('hex').slice(0, 16)}`;
}

function unavailable(why: string, retryAfterS = UNKNOWN_WAIT_S): OwnAnswer {
  return error(503, `shardmux: ${why}`, { 'retry-after': String(retryAfterS) });
}
