/**
 * Thousands of requests with random changes to their bytes: whatever a worker sends, Discord gets well-formed requests with the tokens and
 * paths that belong there, or nothing, and the worker gets well-formed answers. SHARDMUX_FUZZ_SEED and _ROUNDS repeat or prolong it.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { mutate, randomOf } from '../../support/mutations.ts';
import { RawClient, ScriptedApi } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { readStrictly, type StrictMessage, valuesOf } from '../../support/strict-http.ts';

/** The same each time, so that a change that breaks it is the one that is looked at; others by hand. */
const SEED = Number(process.env['SHARDMUX_FUZZ_SEED'] ?? 5);
const ROUNDS = Number(process.env['SHARDMUX_FUZZ_ROUNDS'] ?? 5);
const CASES_AT_ONCE = 300;
/** What is not closed by then waits for more of a request, or has its answer. */
const PATIENCE_MS = 1_200;

const WORKER_TOKEN = 'worker-token-0123456789abcdef0123456789';
const OWN = `Host: x\r\nAuthorization: Bot ${WORKER_TOKEN}\r\n`;
const JSON_BODY = 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
/** In what is sent without a token that is good. */
const FORBIDDEN = 'forbidden';

const SEEDS: readonly string[] = [
  `GET /api/v10/channels/1/messages?limit=50&before=1 HTTP/1.1\r\n${OWN}Accept: */*\r\n\r\n`,
  `POST /api/v10/channels/1/messages HTTP/1.1\r\n${OWN}X-Audit-Log-Reason: a%20b\r\n${JSON_BODY}`,
  `PATCH /api/v10/channels/1/messages/2 HTTP/1.1\r\n${OWN}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2;x=y\r\n1}\r\n0\r\n\r\n`,
  `PUT /api/v10/channels/1/messages/2/reactions/%F0%9F%94%A5/@me HTTP/1.1\r\n${OWN}Content-Length: 0\r\n\r\n`,
  `DELETE /api/v10/guilds/1/bans/2 HTTP/1.1\r\n${OWN}Connection: close\r\n\r\n`,
  `POST /api/v10/channels/1/messages HTTP/1.1\r\n${OWN}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 74\r\n\r\n--b\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n{"a":1}\r\n--b--\r\n`,
  `POST /api/v10/webhooks/1/secret HTTP/1.1\r\nHost: x\r\n${JSON_BODY}`,
  `POST /api/v10/channels/1/messages HTTP/1.1\r\n${OWN}Expect: 100-continue\r\n${JSON_BODY}`,
  `GET /api/v10/users/@me HTTP/1.1\r\n${OWN}\r\nGET /api/v10/channels/2 HTTP/1.1\r\n${OWN}Connection: close\r\n\r\n`,
  `GET /api/v10/users/@me HTTP/1.1\r\nHost: x\r\nX-Shardmux-Authorization: Bot ${WORKER_TOKEN}\r\nAuthorization: Bearer user\r\n\r\n`,
  `GET /api/v10/guilds/${FORBIDDEN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot wrong-token-0123456789\r\n\r\n`,
  `POST /api/v10/guilds/${FORBIDDEN}/bans HTTP/1.1\r\nHost: x\r\n${JSON_BODY}`,
];

let api: ScriptedApi;
let node: RestProcess;
const wrong: string[] = [];
let arrived = 0;

beforeAll(async () => {
  const read = new WeakMap<object, number>();
  api = await ScriptedApi.start((connection) => {
    for (;;) {
      const from = read.get(connection) ?? 0;
      const reading = readStrictly(connection.text.slice(from), () => false);
      if (reading.kind === 'malformed')
        wrong.push(`to Discord: ${reading.why} in ${connection.text.slice(from)}`);
      if (reading.kind !== 'message') return;
      read.set(connection, connection.text.length - reading.rest.length);
      arrived++;
      wrong.push(...faultsOf(reading.message));
      connection.socket.write('HTTP/1.1 200 OK\r\nVia: 1.1 google\r\nContent-Length: 2\r\n\r\n{}');
    }
  });
  node = await startRest({
    discord: api,
    env: {
      SHARDMUX_WORKERS_TOKENS: `production:${WORKER_TOKEN}`,
      SHARDMUX_REST_GLOBAL_LIMIT: '10000',
      SHARDMUX_REST_HEADERS_TIMEOUT_MS: '300',
      SHARDMUX_REST_STALL_TIMEOUT_MS: '300',
    },
  });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** What no request to Discord may be. */
function faultsOf({ first, headers }: StrictMessage): string[] {
  const faults: string[] = [];
  const claim = (holds: boolean, what: string) => {
    if (!holds) faults.push(`to Discord: ${what} in ${JSON.stringify({ first, headers })}`);
  };
  const [, target = ''] = /^(?:GET|POST|PUT|PATCH|DELETE) (\/api\/[!-~]+) HTTP\/1\.1$/.exec(first) ?? [];
  const [path = ''] = target.split('?', 1);
  claim(target !== '', 'the request line');
  claim(!/\/\.{1,2}(?:\/|$)|\/\/|%2e|%2f|%5c|%25|%00|[\\#;]/i.test(path), 'the path');
  claim(valuesOf(headers, 'host').join() === new URL(api.url).host, 'the host');
  const tokens = valuesOf(headers, 'authorization');
  const isOurs = tokens[0] === `Bot ${api.options.token}`;
  claim(tokens.length <= 1, 'the number of tokens');
  claim(tokens.length === 0 || isOurs || /^(?:bearer|basic) /i.test(tokens[0] ?? ''), 'the token');
  claim(!(isOurs && target.toLowerCase().includes(FORBIDDEN)), 'a token for who has none');
  claim(!headers.some(([name]) => /^x.shardmux-/.test(name)), 'what is between the worker and shardmux');
  return faults;
}

/** Sends one, and gives what is wrong with the answers. */
async function attempt(bytes: string): Promise<string | undefined> {
  using client = new RawClient(node.restPort);
  client.write(Buffer.from(bytes, 'latin1'));
  await client.closed(PATIENCE_MS).catch(() => undefined);
  const hasNoBody = (first: string) => / (?:1\d\d|204|304) /.test(first);
  for (let rest = client.received; rest !== ''; ) {
    const reading = readStrictly(rest, hasNoBody);
    if (reading.kind === 'incomplete') return `an answer that does not end: ${rest}`;
    if (reading.kind === 'malformed') return `${reading.why} in ${rest}`;
    if (!/^HTTP\/1\.1 \d{3} [\x20-\x7e]*$/.test(reading.message.first)) return reading.message.first;
    if (/^HTTP\/1\.1 500/.test(reading.message.first)) return `a fault of ours: ${reading.message.body}`;
    rest = reading.rest;
  }
  return undefined;
}

function residentBytes(): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1_024;
}

it(
  `whatever the bytes are, well-formed requests leave and well-formed answers come (seed ${SEED})`,
  async () => {
    const random = randomOf(SEED);
    let settledBytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const cases = Array.from({ length: CASES_AT_ONCE }, () =>
        mutate(SEEDS[random(SEEDS.length)] ?? '', random),
      );
      const complaints = await Promise.all(cases.map(attempt));
      for (const [at, complaint] of complaints.entries()) {
        if (complaint !== undefined)
          wrong.push(`to the worker: ${complaint}, for ${JSON.stringify(cases[at])}`);
      }
      expect(wrong, `seed ${SEED}, round ${round}`).toEqual([]);
      if (round === 0) settledBytes = residentBytes();
    }
    // A good part of them must have been good for something, or nothing was proved.
    expect(arrived).toBeGreaterThan(ROUNDS * CASES_AT_ONCE * 0.1);
    await eventually(async () => (await node.metric('shardmux_rest_in_flight')) === 0);
    await eventually(async () => ((await node.metric('shardmux_rest_connections')) ?? 9) < 5);
    expect(await node.metric('shardmux_rest_held_bytes')).toBe(0);
    expect(residentBytes() - settledBytes).toBeLessThan(60 * 1_024 * 1_024);
    expect(node.logs().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  },
  Math.max(60_000, ROUNDS * 5_000),
);
