/**
 * Discord's REST API: takes a request through everything that stands before an answer, in Discord's order, and tells what became of
 * it to those who count. https://discord.com/developers/docs/reference
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Application } from '../application.ts';
import { Random } from '../random.ts';
import { Admission } from './admission.ts';
import {
  type Answer,
  cloudflarePage,
  ErrorCode,
  error,
  INVALID_VERSION,
  invalidForm,
  NOT_FOUND,
  UNAUTHORIZED,
  WRONG_METHOD,
} from './answers.ts';
import { readBody } from './body.ts';
import { Conduct } from './conduct.ts';
import { RestFaults } from './faults.ts';
import { InvalidRequests } from './invalid-requests.ts';
import { Limiter } from './limiter.ts';
import type { ResolvedRestOptions } from './options.ts';
import { Received } from './received.ts';
import { readTarget, strayHeader } from './request-head.ts';
import { reset, respond } from './respond.ts';
import type { RestCall } from './route.ts';
import { ROUTE_TREE } from './routes/index.ts';
import { isSnowflake } from './rules/snowflake.ts';
import { Sender, TOO_MANY } from './sender.ts';
import { createWorld, type World } from './state/world.ts';
import { RestCounts, type RestStats } from './stats.ts';
import { botToken, majorOf, routeName, type Visit } from './visit.ts';

/** https://discord.com/developers/docs/reference#api-versioning */
const [OLDEST_VERSION, NEWEST_VERSION] = [6, 10];

const MAX_JSON_BYTES = 1024 * 1024;

/** Parameters that are no ids. */
const NOT_IDS = new Set(['token', 'emoji']);

const NO_DISTURBANCE = { latencyMs: 0 };

export class RestApi {
  readonly world: World;
  readonly faults: RestFaults;
  readonly received = new Received();
  readonly invalidRequests: InvalidRequests;
  readonly #application: Application;
  readonly #options: ResolvedRestOptions;
  readonly #limiter: Limiter;
  readonly #conduct: Conduct;
  readonly #admission: Admission;
  readonly #sender: Sender;
  readonly #counts = new RestCounts();
  readonly #epochOffsetMs: number;

  constructor(application: Application, options: ResolvedRestOptions, gatewayUrl: () => string) {
    this.#application = application;
    this.#options = options;
    this.#epochOffsetMs = Date.now() - options.clock();
    this.#limiter = new Limiter(options);
    this.#conduct = new Conduct(application.violations, options.graceMs);
    this.#admission = new Admission({
      applicationId: application.applicationId,
      limiter: this.#limiter,
      conduct: this.#conduct,
      epochMs: () => this.epochMs,
    });
    const { invalidRequestLimit: limit, invalidRequestWindowMs: windowMs, banMs } = options;
    this.invalidRequests = new InvalidRequests({ limit, windowMs, banMs });
    this.#sender = new Sender({
      applicationId: application.applicationId,
      violations: application.violations,
      conduct: this.#conduct,
      counts: this.#counts,
      invalidRequests: this.invalidRequests,
      received: this.received,
      clock: { nowMs: () => this.nowMs, epochMs: () => this.epochMs },
    });
    const latency = { ms: options.latencyMs, jitterMs: options.jitterMs };
    this.faults = new RestFaults(new Random(application.options.seed), latency);
    this.world = createWorld(application, gatewayUrl, () => this.epochMs);
  }

  get nowMs(): number {
    return this.#options.clock();
  }

  /** Milliseconds since 1970, by the simulator's clock. */
  get epochMs(): number {
    return this.#options.clock() + this.#epochOffsetMs;
  }

  stats(): RestStats {
    const { requests, inFlight, maxInFlight, routes, statuses, aborted, banned } = this.#counts;
    return {
      ...{ requests, inFlight, maxInFlight, aborted, banned },
      routes: { ...routes },
      statuses: { ...statuses },
      limited: { ...this.#admission.limited },
      invalidRequests: this.invalidRequests.total,
      invalidInWindow: this.invalidRequests.most(this.nowMs),
      bans: this.invalidRequests.bans,
      counters: this.#limiter.counterCount,
      messages: this.world.messages.size,
    };
  }

  /** Answers with 2xx, by who asked, route and major parameter: `bot GET /channels/:channel 123`. */
  served(): Record<string, number> {
    return Object.fromEntries(this.#counts.served);
  }

  /** Runs per request. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#counts.begin();
    response.once('close', () => this.#counts.end());
    const address = request.socket.remoteAddress ?? 'unknown';
    const bannedMs = this.invalidRequests.bannedForMs(address, this.nowMs);
    if (bannedMs > 0) {
      this.#counts.banned += 1;
      return this.#refuse(request, response, cloudflarePage(429, bannedMs));
    }
    const target = readTarget(request.url ?? '/');
    if (target.kind === 'strange') this.#violate('rest-strange-path', target.detail);
    if (target.kind !== 'api') return this.#refuse(request, response, NOT_FOUND);
    this.#inspect(request);
    const visit = this.#begin(request, response, address, target);
    if (visit.disturbance.reset === 'before-read') {
      this.#counts.aborted += 1;
      return reset(response);
    }
    const answer = await this.#answerTo(visit);
    if (answer) await this.#sender.send(visit, answer);
    else this.#sender.forget(visit);
  }

  #inspect({ headers }: IncomingMessage): void {
    const stray = strayHeader(headers);
    if (stray !== undefined) this.#violate('rest-stray-header', stray);
    if (!headers['user-agent']) this.#application.violations.note('rest-without-user-agent');
  }

  #begin(
    request: IncomingMessage,
    response: ServerResponse,
    address: string,
    target: { path: string; query: string; version: number },
  ): Visit {
    const match = ROUTE_TREE.match(request.method ?? 'GET', target.path);
    const route = match.kind === 'route' ? match.route : undefined;
    const params = match.kind === 'route' ? match.params : {};
    const token = botToken(request.headers.authorization);
    const needsBot = route === undefined || route.access === 'bot';
    const isBot = needsBot && token !== undefined && this.#application.acceptsToken(token);
    const who = isBot ? 'bot' : address;
    const name = route ? routeName(route) : match.kind;
    const bucket = route ? `${who} ${name} ${majorOf(route, params)}` : `${who} ${match.kind}`;
    const call = { who, route: name, bucket, arrivedMs: this.nowMs };
    this.#counts.route(name);
    this.#conduct.begins(call);
    response.once('close', () => this.#conduct.ends(call));
    const disturbance = this.faults.befall(name, target.path);
    return { request, response, address, ...target, route, params, token, call, disturbance };
  }

  /** Undefined where the client has gone. */
  async #answerTo(visit: Visit): Promise<Answer | undefined> {
    const refusal = this.#beforeBody(visit);
    if (refusal) {
      visit.request.resume();
      return refusal;
    }
    const { request, params, query, disturbance } = visit;
    visit.body = await readBody(request, request.headers['content-type'] ?? '', {
      maxJsonBytes: MAX_JSON_BYTES,
      maxFileBytes: this.#options.maxFileBytes,
      ...(disturbance.requestBytesPerSecond === undefined
        ? {}
        : { bytesPerSecond: disturbance.requestBytesPerSecond }),
    });
    if (visit.body.content.kind === 'aborted') return undefined;
    const call: RestCall = {
      params,
      query: new URLSearchParams(query),
      body: visit.body,
      epochMs: this.epochMs,
      nowMs: this.nowMs,
    };
    this.#admission.hiddenLimit(visit, call);
    return visit.excess ? TOO_MANY : visit.route?.act(this.world, call);
  }

  /** What is answered without knowing the body. */
  #beforeBody(visit: Visit): Answer | undefined {
    const { route, token, call, version, disturbance } = visit;
    if (disturbance.cloudflare !== undefined) return cloudflarePage(disturbance.cloudflare);
    if (version < OLDEST_VERSION || version > NEWEST_VERSION) return INVALID_VERSION;
    if (token !== undefined && !this.#application.acceptsToken(token)) this.#conduct.usesToken(token, call);
    if (!route) return this.#limit(visit) ?? (call.route === 'unknown' ? NOT_FOUND : WRONG_METHOD);
    return this.#accessTo(visit) ?? this.#limit(visit) ?? this.#disturbed(visit) ?? wrongId(visit.params);
  }

  #accessTo({ route, token, call, params }: Visit): Answer | undefined {
    if (route?.access === 'bot') return call.who === 'bot' ? undefined : UNAUTHORIZED;
    if (token !== undefined && this.#application.acceptsToken(token)) {
      this.#violate('rest-token-leak', `${call.route} needs no bot token`);
    }
    if (route?.access === 'webhook') this.#conduct.usesDeadWebhook(params['webhook'] ?? '', call);
    return undefined;
  }

  #limit(visit: Visit): Answer | undefined {
    this.#admission.limit(visit);
    return visit.excess && TOO_MANY;
  }

  #disturbed({ disturbance: { status } }: Visit): Answer | undefined {
    if (!status) return undefined;
    if (status.body === 'none') return { status: status.status };
    return status.status === 403
      ? error(403, ErrorCode.MissingPermissions, 'Missing Permissions')
      : error(status.status, ErrorCode.General, `${status.status}: asked for`);
  }

  /** Before anything is known of the request but that nobody wants it. */
  async #refuse(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
    this.#counts.route('unknown');
    this.#counts.status(answer.status);
    request.resume();
    await respond(response, answer, NO_DISTURBANCE);
  }

  #violate(kind: Parameters<Application['violations']['add']>[0], detail: string): void {
    this.#application.violations.add(kind, null, detail);
  }
}

function wrongId(params: Readonly<Record<string, string>>): Answer | undefined {
  for (const [name, value] of Object.entries(params)) {
    if (NOT_IDS.has(name) || isSnowflake(value) || (name === 'message' && value === '@original')) continue;
    return invalidForm(`${name}_id`, 'NUMBER_TYPE_COERCE', `Value "${value.slice(0, 40)}" is not snowflake.`);
  }
  return undefined;
}
