/** Sends answers, and tells those who count what a client knows from then on. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Violations } from '../violations.ts';
import { type Answer, UNAUTHORIZED, UNKNOWN } from './answers.ts';
import type { ReceivedBody } from './body.ts';
import type { Conduct } from './conduct.ts';
import type { InvalidRequests } from './invalid-requests.ts';
import { bucketHeaders, excessAnswer } from './rate-headers.ts';
import { MAX_KEPT_JSON_BYTES, type Received } from './received.ts';
import { respond } from './respond.ts';
import type { RestCounts } from './stats.ts';
import type { Visit } from './visit.ts';

/** Stands for the 429 of the visit's excess, which is written when it is sent: until then there is less to wait. */
export const TOO_MANY: Answer = { status: 429 };

export interface SenderFacts {
  applicationId: string;
  violations: Violations;
  conduct: Conduct;
  counts: RestCounts;
  invalidRequests: InvalidRequests;
  received: Received;
  clock: { nowMs: () => number; epochMs: () => number };
}

export class Sender {
  readonly #applicationId: string;
  readonly #violations: Violations;
  readonly #conduct: Conduct;
  readonly #counts: RestCounts;
  readonly #invalidRequests: InvalidRequests;
  readonly #received: Received;
  readonly #clock: SenderFacts['clock'];

  constructor(facts: SenderFacts) {
    this.#applicationId = facts.applicationId;
    this.#violations = facts.violations;
    this.#conduct = facts.conduct;
    this.#counts = facts.counts;
    this.#invalidRequests = facts.invalidRequests;
    this.#received = facts.received;
    this.#clock = facts.clock;
  }

  /** Of a client that went away before all of its request was there. */
  forget(visit: Visit): void {
    this.#counts.aborted += 1;
    this.#keep(visit, 0);
  }

  async send(visit: Visit, answer: Answer): Promise<void> {
    const { response, disturbance, excess } = visit;
    this.#countInvalid(visit, answer);
    this.#counts.status(answer.status);
    this.#keep(visit, answer.status);
    if (disturbance.latencyMs > 0) await delay(disturbance.latencyMs);
    const { written, tellsLimits } = this.#write(visit, answer);
    if (!(await respond(response, written, disturbance))) {
      this.#counts.aborted += 1;
      return;
    }
    if (answer.status < 300) this.#counts.serve(visit.call.bucket);
    if (tellsLimits) this.#conduct.hasSentHeaders(visit.call);
    if (excess && disturbance.limit?.body !== 'none') {
      this.#conduct.hasSentWait(excess.key, this.#clock.nowMs(), visit.call.arrivedMs + excess.retryAfterMs);
    }
    if (answer === UNAUTHORIZED && visit.token !== undefined) {
      this.#conduct.hasSentUnauthorized(visit.token, this.#clock.nowMs());
    }
    if (answer === UNKNOWN.webhook) this.#webhookIsDead(visit);
  }

  /** The application's own is unknown only until its interaction is answered. */
  #webhookIsDead({ params }: Visit): void {
    const id = params['webhook'] ?? '';
    if (id !== this.#applicationId) this.#conduct.hasSentUnknownWebhook(id, this.#clock.nowMs());
  }

  /** The answer with what it says of limits. */
  #write(
    { excess, visible, call, disturbance }: Visit,
    answer: Answer,
  ): { written: Answer; tellsLimits: boolean } {
    const sentAt = { epochMs: this.#clock.epochMs(), sinceMs: this.#clock.nowMs() - call.arrivedMs };
    const full = excess && answer === TOO_MANY ? excessAnswer(excess, sentAt) : answer;
    const body = disturbance.limit?.body === 'none' ? undefined : full.body;
    if (disturbance.hasNoHeaders) return { written: { ...full, body, headers: {} }, tellsLimits: false };
    // Only the headers of a global 429 have nothing of the bucket, and then no bucket was asked.
    const headers = visible ? { ...bucketHeaders(visible, sentAt), ...full.headers } : full.headers;
    return {
      written: { ...full, body, ...(headers ? { headers } : {}) },
      tellsLimits: visible !== undefined,
    };
  }

  #countInvalid({ address, excess }: Visit, { status }: Answer): void {
    const isInvalid = status === 401 || status === 403 || (status === 429 && excess?.scope !== 'shared');
    if (!isInvalid || !this.#invalidRequests.add(address, this.#clock.nowMs())) return;
    this.#violations.add('rest-invalid-request-ban', null, `${address} has too many`);
  }

  #keep({ request, call, path, query, token, body }: Visit, status: number): void {
    const { authorization, cookie, ...headers } = request.headers;
    const content = body?.content;
    const json = content?.kind === 'json' || content?.kind === 'form' ? content.json : null;
    this.#received.add({
      at: Math.round(this.#clock.epochMs()),
      method: request.method ?? 'GET',
      route: call.route,
      path,
      query,
      headers,
      authorization: token === undefined ? (authorization === undefined ? 'none' : 'other') : 'bot',
      httpVersion: request.httpVersion,
      status,
      body: body
        ? {
            bytes: body.bytes,
            sha256: body.sha256,
            files: content?.kind === 'form' ? content.files : [],
            json: isKept(body, json) ? json : null,
            isComplete: content?.kind !== 'aborted',
          }
        : null,
    });
  }
}

function isKept({ bytes, content }: ReceivedBody, json: unknown): boolean {
  const size = content.kind === 'form' ? JSON.stringify(json).length : bytes;
  return size <= MAX_KEPT_JSON_BYTES;
}
