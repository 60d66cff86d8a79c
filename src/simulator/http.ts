/** The HTTP side: Discord's REST routes, and the control routes under /simulator/. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { SessionMissingError } from './application.ts';
import { faultSchema } from './faults.ts';
import type { RestApi } from './rest/api.ts';
import { issueText } from './rules/client-payloads.ts';
import type { Simulator } from './simulator.ts';

interface JsonAnswer {
  status: number;
  body: unknown;
}

export interface HttpContext {
  simulator: Simulator;
  rest: RestApi;
}

const CONTROL = '/simulator/';

const MAX_BODY_BYTES = 1024 * 1024;

/** A burst over HTTP may have this many dispatches. */
const MAX_BURST = 1_000_000;

const dispatchSchema = z.strictObject({
  shard: z.int().min(0),
  t: z.string().regex(/^[A-Z_]+$/),
  d: z.unknown(),
});
const happenSchema = z.strictObject({
  shard: z.int().min(0),
  name: z.string(),
  guild: z.string().optional(),
});
const burstSchema = z.strictObject({ shard: z.int().min(0), count: z.int().min(1).max(MAX_BURST) });
const rateSchema = z.strictObject({ eventsPerSecond: z.number().min(0) });

export async function answerRequest(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!request.url?.startsWith(CONTROL)) return context.rest.answer(request, response);
  const url = new URL(request.url, context.simulator.url);
  const answer =
    request.method === 'GET'
      ? await read(context.simulator, url)
      : await control(context.simulator, url.pathname, request);
  response.writeHead(answer.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer.body));
}

async function read(simulator: Simulator, url: URL): Promise<JsonAnswer> {
  const guildId = /^\/simulator\/guilds\/(\d+)$/.exec(url.pathname)?.[1];
  if (guildId !== undefined) return readGuild(simulator, guildId);
  switch (url.pathname) {
    case '/simulator/stats':
      return { status: 200, body: simulator.stats() };
    case '/simulator/truth':
      return ofShard(url, (shard) => simulator.truth(shard));
    case '/simulator/rest/received':
      return { status: 200, body: simulator.rest.received };
    case '/simulator/rest/served':
      return { status: 200, body: simulator.rest.served() };
    case '/simulator/rest/channels':
      return ofShard(url, (shard) => simulator.rest.channelIds(shard));
    case '/simulator/state':
      return ofShard(url, (shard) => simulator.shardState(shard));
    default:
      return { status: 404, body: { error: `no such route: ${url.pathname}` } };
  }
}

async function ofShard(url: URL, tell: (shard: number) => unknown): Promise<JsonAnswer> {
  const text = url.searchParams.get('shard') ?? '';
  if (!/^\d+$/.test(text)) return refusal('shard: a whole number is required, as in ?shard=0');
  return attempt(() => tell(Number(text)));
}

async function readGuild(simulator: Simulator, guildId: string): Promise<JsonAnswer> {
  const answer = await attempt(() => simulator.guild(guildId) ?? null);
  return answer.body === null ? { status: 404, body: { error: `no such guild: ${guildId}` } } : answer;
}

async function control(simulator: Simulator, path: string, request: IncomingMessage): Promise<JsonAnswer> {
  const body = await readJson(request);
  if (body.kind === 'refused') return refusal(body.detail);
  switch (path) {
    case '/simulator/dispatch':
      return withBody(dispatchSchema, body.json, ({ shard, t, d }) => ({
        s: simulator.dispatch(shard, t, d ?? null),
      }));
    case '/simulator/burst':
      return withBody(burstSchema, body.json, ({ shard, count }) => {
        return simulator.burst(shard, count).then(() => ({ count }));
      });
    case '/simulator/rate':
      return withBody(rateSchema, body.json, ({ eventsPerSecond }) => {
        simulator.setRate(eventsPerSecond);
        return { eventsPerSecond };
      });
    case '/simulator/happen':
      return withBody(happenSchema, body.json, ({ shard, name, guild }) => ({
        s: simulator.happen(shard, name, guild),
      }));
    case '/simulator/inject':
      return withBody(faultSchema, body.json, (fault) => {
        simulator.inject(fault);
        return { injected: fault };
      });
    default:
      return { status: 404, body: { error: `no such route: ${path}` } };
  }
}

async function withBody<Valid>(
  schema: z.ZodType<Valid>,
  json: unknown,
  act: (valid: Valid) => unknown,
): Promise<JsonAnswer> {
  const parsed = schema.safeParse(json);
  if (!parsed.success) return refusal(issueText(parsed.error));
  return attempt(() => act(parsed.data));
}

/** A shard that does not exist, or has no session, is the caller's mistake. */
async function attempt(act: () => unknown): Promise<JsonAnswer> {
  try {
    return { status: 200, body: await act() };
  } catch (error) {
    if (error instanceof RangeError) return refusal(error.message);
    if (error instanceof SessionMissingError) return { status: 409, body: { error: error.message } };
    throw error;
  }
}

function refusal(detail: string): JsonAnswer {
  return { status: 400, body: { error: detail } };
}

async function readJson(
  request: IncomingMessage,
): Promise<{ kind: 'json'; json: unknown } | { kind: 'refused'; detail: string }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return { kind: 'refused', detail: `body over ${MAX_BODY_BYTES} bytes` };
    chunks.push(chunk);
  }
  try {
    return { kind: 'json', json: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { kind: 'refused', detail: 'body is not JSON' };
  }
}
