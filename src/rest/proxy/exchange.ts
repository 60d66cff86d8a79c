/**
 * One request of a worker, from its head to the end of its answer: its body, its turn, its sendings, and what the worker is told where
 * Discord tells nothing. Runs per request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors } from 'undici';
import { yieldToEvents } from '../../runtime/yield-to-events.ts';
import type { Admission } from '../admission.ts';
import type { Submission } from '../ports.ts';
import { isIdempotent } from '../route.ts';
import type { FailureKind } from './counts.ts';
import type { ExchangeContext } from './exchange-context.ts';
import { gatewayAnswer } from './gateway-answer.ts';
import { forwardedRequestHeaders } from './headers.ts';
import {
  BODY_STALLED,
  DISCORD_GONE,
  DISCORD_SILENT,
  DISCORD_UNREACHABLE,
  INTERNAL_ERROR,
  type OwnAnswer,
  refusalAnswer,
  TOKEN_REFUSED,
} from './own-answers.ts';
import { BodyStalledError, RequestBody, WorkerGoneError } from './request-body.ts';
import { type HeadReading, headBytes, type RequestHead, readHead } from './request-head.ts';
import { discardRest, respond } from './respond.ts';
import { type CallOutcome, UpstreamCall, WorkerStalledError } from './upstream-call.ts';

/** Of one request: sendings that broke before an answer, and were begun again. */
const MAX_RESENDS = 1;
/** Routes of answers to what was not forwarded, in metrics. */
const NOT_FORWARDED = '-';

const ignore = () => undefined;

export class Exchange {
  readonly #context: ExchangeContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #body: RequestBody;
  /** Once the worker has gone away. */
  #gone: WorkerGoneError | undefined;
  /** Only of requests that wait: it takes its time to make. */
  #left: AbortController | undefined;
  #expectsContinue: boolean;
  #call: UpstreamCall | undefined;
  #route = NOT_FORWARDED;
  #resends = 0;

  constructor(
    context: ExchangeContext,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ) {
    const { limits, clock } = context.options;
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#expectsContinue = expectsContinue;
    this.#body = new RequestBody(request, {
      maxSmallBytes: limits.maxSmallBodyBytes,
      stallTimeoutMs: limits.stallTimeoutMs,
      held: context.held,
      garbage: context.garbage,
      clock,
    });
  }

  /** Resolves when it is over; never rejects. */
  async run(): Promise<void> {
    const { counts, options } = this.#context;
    counts.inFlight++;
    this.#response.on('close', this.#onClose);
    // What breaks there is told by 'close'.
    this.#request.on('error', ignore);
    this.#response.on('error', ignore);
    try {
      const reading = readHead(this.#request, options, this.#context.callers, options.clock.now());
      if (reading.kind === 'forward') await this.#forward(reading.head);
      else if (reading.kind === 'gateway') this.#answerGateway(reading);
      else this.#answer(reading.answer);
    } catch (error) {
      this.#failed(error);
    } finally {
      counts.inFlight--;
      this.#body[Symbol.dispose]();
      if (this.#response.headersSent) counts.answered(this.#route, this.#response.statusCode);
      if (!this.#gone) discardRest(this.#request, options.clock);
    }
  }

  readonly #signalOf = (): AbortSignal => {
    this.#left ??= new AbortController();
    if (this.#gone) this.#left.abort(this.#gone);
    return this.#left.signal;
  };

  readonly #onClose = () => {
    if (this.#response.writableFinished) return;
    this.#gone = new WorkerGoneError();
    this.#left?.abort(this.#gone);
    this.#call?.abort(this.#gone);
  };

  #answerGateway({ route, application }: Extract<HeadReading, { kind: 'gateway' }>): void {
    const url = this.#context.options.gatewayUrl?.(this.#request.headers) ?? '';
    this.#route = route === 'gateway' ? 'GET /gateway' : 'GET /gateway/bot';
    this.#answer(gatewayAnswer(route, url, application.shardCount()));
  }

  async #forward(head: RequestHead): Promise<void> {
    const { clock, limits } = this.#context.options;
    // Whoever waits for 100-continue sends nothing until it is its turn.
    if (!this.#body.isEmpty && !this.#expectsContinue) {
      // What came with the head is there when the parser has gone through all that was received.
      await yieldToEvents();
      await this.#body.hold();
    }
    const submittedAtMs = clock.now();
    const deadlineAtMs = submittedAtMs + Math.min(head.deadlineMs, limits.maxDeadlineMs);
    const submitted = this.#submit(head, deadlineAtMs - submittedAtMs);
    let submission = submitted instanceof Promise ? await submitted : submitted;
    for (let sending = 0; submission.kind === 'admitted'; sending++) {
      if (sending === 0) this.#context.counts.queueDurations.add(clock.now() - submittedAtMs);
      const next = await this.#send(head, submission, deadlineAtMs);
      if (next === undefined) return;
      submission = next;
    }
    this.#answer(refusalAnswer(submission));
  }

  #submit(
    { method, target, path, account, authorization, priority, application }: RequestHead,
    deadlineMs: number,
  ): Submission | Promise<Submission> {
    if (this.#gone) throw this.#gone;
    const bytes = this.#body.heldBytes + headBytes(this.#request);
    return application.limiter.ask(
      { method, target, path, account, authorization, priority, deadlineMs, bytes, body: this.#body.whole },
      this.#signalOf,
    );
  }

  /** Sends it once; gives what it has to wait for before it is sent again, and nothing when it is over. */
  async #send(
    head: RequestHead,
    admission: Admission,
    deadlineAtMs: number,
  ): Promise<Submission | undefined> {
    this.#route = admission.route.template;
    const isInSocket = this.#expectsContinue || this.#body.isWaiting;
    if (!(isInSocket ? await this.#prepare(admission) : this.#isStillThere(admission))) return undefined;
    const call = this.#dispatch(head, admission);
    const outcome = await call.outcome;
    this.#note(call, outcome);
    if (this.#gone) {
      this.#context.counts.failed('worker-gone');
      return undefined;
    }
    switch (outcome.kind) {
      case 'answered':
        return undefined;
      case 'limited':
        return admission.again(this.#signalOf());
      case 'token-refused':
        this.#answer(TOKEN_REFUSED);
        return undefined;
      case 'cut':
        return this.#cut(outcome.error);
      case 'not-sent':
        if (this.#mayResend()) return admission.again(this.#signalOf());
        return this.#give(DISCORD_UNREACHABLE, 'unreachable');
      case 'broken':
        return this.#broken(head, outcome.error, deadlineAtMs);
    }
  }

  /** What has to be done about the body once it is its turn. Whether the request can go. */
  async #prepare(admission: Admission): Promise<boolean> {
    try {
      if (this.#expectsContinue) {
        this.#expectsContinue = false;
        this.#response.writeContinue();
        await this.#body.hold();
      } else {
        // A socket that nobody reads does not tell that its other end is gone.
        this.#request.socket.resume();
        await yieldToEvents();
      }
    } catch (error) {
      admission.failed('not-sent');
      throw error;
    }
    return this.#isStillThere(admission);
  }

  #isStillThere(admission: Admission): boolean {
    if (!this.#gone) return true;
    this.#context.counts.failed('worker-gone');
    admission.failed('not-sent');
    return false;
  }

  #dispatch(head: RequestHead, admission: Admission): UpstreamCall {
    const { options, counts, isDraining } = this.#context;
    const { clock, limits } = options;
    const call = new UpstreamCall({
      admission,
      response: this.#response,
      canRepeat: () => this.#body.isUntouched && !this.#gone,
      isDraining,
      stallTimeoutMs: limits.stallTimeoutMs,
      clock,
      counts,
    });
    this.#call = call;
    const body = this.#body.source();
    if (Buffer.isBuffer(body)) counts.sentBytes += body.length;
    const { upstream } = head.application;
    try {
      upstream.dispatch(
        { method: head.method, target: admission.target, headers: this.#headers(head, admission), body },
        call,
      );
    } catch (error) {
      call.refused(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    return call;
  }

  #note({ answeredAtMs, sentAtMs, isEgressCutOff }: UpstreamCall, outcome: CallOutcome): void {
    const { counts, reachability } = this.#context;
    this.#call = undefined;
    counts.sentBytes += this.#body.takeStreamedBytes();
    if (answeredAtMs !== undefined) counts.upstreamDurations.add(answeredAtMs - sentAtMs);
    if (isEgressCutOff) counts.failed('unreachable');
    if (!this.#gone) reachability.note(outcome, isEgressCutOff);
  }

  #headers({ application, authorization }: RequestHead, { route }: Admission): string[] {
    const { rawHeaders, headers } = this.#request;
    const forwarded = forwardedRequestHeaders(rawHeaders, headers.connection);
    if (authorization !== undefined) forwarded.push('authorization', authorization);
    else if (route.needsToken) forwarded.push('authorization', `Bot ${application.botToken()}`);
    // What is whole has its length, and what comes in chunks goes in chunks.
    if (this.#body.isWaiting && this.#body.length !== undefined) {
      forwarded.push('content-length', String(this.#body.length));
    }
    return forwarded;
  }

  #mayResend(): boolean {
    if (this.#resends >= MAX_RESENDS || !this.#body.isUntouched) return false;
    this.#resends++;
    this.#context.counts.resent++;
    return true;
  }

  #broken(
    head: RequestHead,
    error: Error,
    deadlineAtMs: number,
  ): Submission | Promise<Submission> | undefined {
    if (error instanceof BodyStalledError) return this.#give(BODY_STALLED, 'worker-stalled');
    if (error instanceof errors.HeadersTimeoutError) return this.#give(DISCORD_SILENT, 'silent');
    const leftMs = deadlineAtMs - this.#context.options.clock.now();
    if (leftMs > 0 && isIdempotent(head.method) && this.#mayResend()) return this.#submit(head, leftMs);
    return this.#give(DISCORD_GONE, 'broken');
  }

  #cut(error: Error): undefined {
    this.#context.counts.failed(error instanceof WorkerStalledError ? 'worker-stalled' : 'cut');
  }

  #give(answer: OwnAnswer, kind: FailureKind): undefined {
    this.#context.counts.failed(kind);
    this.#answer(answer);
  }

  /** Before a turn came, or for a bug. */
  #failed(error: unknown): void {
    if (this.#gone || error instanceof WorkerGoneError) return this.#context.counts.failed('worker-gone');
    if (error instanceof BodyStalledError) {
      this.#give(BODY_STALLED, 'worker-stalled');
      return;
    }
    this.#context.options.log.error(
      { err: error, route: this.#route },
      'a request failed for a reason of ours',
    );
    this.#answer(INTERNAL_ERROR);
  }

  #answer(answer: OwnAnswer): void {
    // Whoever was not told to go on may send its body or not: what comes next can't be told.
    respond(this.#response, answer, this.#expectsContinue || this.#context.isDraining());
  }
}
