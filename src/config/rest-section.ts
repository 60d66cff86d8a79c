/** The section of `shardmux rest`: where workers send their requests, and how they get to Discord. */
import { z } from 'zod';
import { choice, duration, integer, matching, port, size, text } from './scalar-kinds.ts';
import { setting } from './setting.ts';

/** Where Discord bans the address. https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans */
const INVALID_REQUEST_BAN = 10_000;

/** Others may use the address too, and what is on its way still counts: so defaults are far below the ban. */
function invalidRequests(count: number, outcome: string) {
  return setting(integer({ min: 1, max: INVALID_REQUEST_BAN }), {
    default: count,
    description: `From so many invalid requests (401, 403, 429) in ten minutes on ${outcome}; Discord bans the address at 10,000.`,
  });
}

export const rest = z.strictObject({
  host: setting(text('address'), {
    default: '0.0.0.0',
    description: 'The address that workers (or HAProxy) send their REST requests to.',
  }),
  port: setting(port(), { default: 7_780, description: "Its port; 0 takes one of the system's choice." }),
  statusPort: setting(port(), {
    default: 9_465,
    description:
      'The port of `/healthz`, `/readyz`, `/metrics` and `/limits` of `shardmux rest`, on `status.host`.',
  }),
  stateDirectory: setting(text('path'), {
    default: './shardmux-state/rest',
    description: 'Where it is kept how far limits are used, for the next start.',
  }),
  egressName: setting(
    matching({ type: 'name', pattern: /^[a-z0-9._-]{1,64}$/, allowed: 'a-z 0-9 - _ and the full stop' }),
    {
      default: 'default',
      description:
        'The address that requests leave from, by a name of your choice: nodes with the same one count what Discord counts by address together.',
    },
  ),
  protocol: setting(choice(['http1', 'http2']), {
    default: 'http1',
    description:
      'What is spoken with Discord; `http2` only over TLS, and where the other side does. It loses all requests of a connection with it.',
  }),
  gatewayRoutes: setting(choice(['own', 'discord']), {
    default: 'own',
    description:
      'Who answers `GET /gateway` and `/gateway/bot`: shardmux, with its own gateway (`workers.publicUrl`, else the host of the request and `workers.port`), or Discord.',
  }),
  globalLimit: setting(integer({ min: 1, max: 10_000 }), {
    default: 50,
    description: 'Requests a second that Discord allows an application; and an address, without a token.',
  }),
  invalidRequestsAlarmAt: invalidRequests(2_000, 'there is an alarm in the log'),
  invalidRequestsShedAt: invalidRequests(
    4_000,
    'the worker tokens that cause most of them are refused: one, and one more with each quarter of the way to `rest.invalidRequestsStopAt`',
  ),
  invalidRequestsStopAt: invalidRequests(8_000, 'nothing is sent but answers to interactions'),
  deadlineMs: setting(duration(), {
    default: '8s',
    description:
      'How long a request may wait for its turn that does not say (`X-Shardmux-Deadline-Ms`); libraries that give up after 10 s get a 429 to wait for before that.',
  }),
  maxDeadlineMs: setting(duration(), {
    default: '10m',
    description: 'The longest that a request may ask to wait.',
  }),
  maxQueued: setting(integer({ min: 1, max: 1_000_000 }), {
    default: 100_000,
    description:
      'How many requests of an application may wait for their turn, each in some 7.5 KB and its headers and body; the last tenth is for worker tokens with less than a hundredth of it waiting.',
  }),
  maxQueuedPerBucket: setting(integer({ min: 1, max: 1_000_000 }), {
    default: 1_000,
    description: 'How many of them for the same bucket; a single worker token gets half of that.',
  }),
  maxQueuedPerAccount: setting(integer({ min: 1, max: 1_000_000 }), {
    default: 20_000,
    description: 'How many of them from the same worker token.',
  }),
  maxConnections: setting(integer({ min: 1, max: 1_000_000 }), {
    default: 20_000,
    description: 'How many connections workers may have; one more gets a 503.',
  }),
  maxUpstreamConnections: setting(integer({ min: 1, max: 10_000 }), {
    default: 256,
    description:
      'How many connections there may be to Discord, each for one request at a time with HTTP/1.1.',
  }),
  maxSmallBodyBytes: setting(size({ max: 1_048_576 }), {
    default: '64KiB',
    description:
      'Request bodies up to here are read before they wait, and sent again after a 429; larger ones wait in the socket.',
  }),
  maxHeldBytes: setting(size({ min: 1_048_576 }), {
    default: '256MiB',
    description:
      'What the bodies in memory may take together; beyond that small ones wait in the socket too.',
  }),
  upstreamTimeoutMs: setting(duration({ min: 100 }), {
    default: '60s',
    description: 'How long Discord may take to answer, and be silent in the midst of an answer.',
  }),
  stallTimeoutMs: setting(duration({ min: 100 }), {
    default: '30s',
    description: 'For how long a worker may send nothing of a body, or read nothing of an answer.',
  }),
  headersTimeoutMs: setting(duration({ min: 100 }), {
    default: '10s',
    description: 'How long a worker may take to send the head of a request.',
  }),
  drainTimeoutMs: setting(duration({ min: 0 }), {
    default: '30s',
    description: 'How long requests have at shutdown to be answered; then those that wait are refused.',
  }),
});
