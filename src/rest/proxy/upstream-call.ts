/**
 * One sending of a request to Discord: tells the limiter of the answer, and lets the answer flow to the worker as fast as it reads. An
 * answer that is judged (a 429, a 404, a 401) is kept until it is whole. Runs per request.
 */
import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../runtime/clock.ts';
import type { Admission } from '../admission.ts';
import { needsBody } from '../answer.ts';
import type { ProxyCounts } from './counts.ts';
import { forwardedResponseHeaders, type ParsedHeaders, type RawHeaders } from './headers.ts';

export type CallOutcome =
  /** The worker has the answer, all of it. */
  | { readonly kind: 'answered' }
  /** A 429; the request may have another turn. */
  | { readonly kind: 'limited' }
  /** Discord does not take the bot token. The worker has no answer: libraries would give up its own token for a 401. */
  | { readonly kind: 'token-refused' }
  /** Nothing of it has reached Discord. */
  | { readonly kind: 'not-sent'; readonly error: Error }
  /** No answer came. Nobody knows whether Discord has executed it. */
  | { readonly kind: 'broken'; readonly error: Error }
  /** The answer has begun, and there will be no more of it. */
  | { readonly kind: 'cut'; readonly error: Error };

export interface CallOptions {
  readonly admission: Admission;
  readonly response: ServerResponse;
  /** Whether the body is there for another sending. */
  readonly canRepeat: () => boolean;
  /** Whether connections are closed after their answer. */
  readonly isDraining: () => boolean;
  readonly stallTimeoutMs: number;
  readonly clock: Clock;
  readonly counts: ProxyCounts;
}

/** An answer that is kept to be judged: Discord's errors have some hundred bytes. */
const MAX_JUDGED_BYTES = 64 * 1024;

/** What own answers have, those of haproxy/egress.cfg among them. */
const VIA = '1.1 shardmux';

/** The worker reads nothing. */
export class WorkerStalledError extends Error {
  override readonly name = 'WorkerStalledError';
}

interface Head {
  readonly status: number;
  readonly statusText: string | undefined;
  readonly headers: string[];
}

/** Where the answer is. */
type State =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'sent' }
  | {
      readonly kind: 'judging';
      readonly head: Head;
      readonly parsed: ParsedHeaders;
      readonly chunks: Buffer[];
      bytes: number;
    }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'over' };

export class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly #options: CallOptions;
  readonly #outcome = Promise.withResolvers<CallOutcome>();
  #state: State = { kind: 'waiting' };
  #controller: Dispatcher.DispatchController | undefined;
  #abortedWith: Error | undefined;
  #stall: Disposable | undefined;
  #hasWritten = false;
  #isWaitingForDrain = false;
  /** By `clock`; of its handing over, and of the first sign of an answer. */
  readonly sentAtMs: number;
  answeredAtMs: number | undefined;
  /** It was not Discord that answered, but our way out, which can't reach it. */
  isEgressCutOff = false;

  constructor(options: CallOptions) {
    this.#options = options;
    this.sentAtMs = options.clock.now();
  }

  get outcome(): Promise<CallOutcome> {
    return this.#outcome.promise;
  }

  /** Nobody waits for it any more. */
  abort(error: Error): void {
    this.#abortedWith ??= error;
    this.#controller?.abort(error);
    // What waits for a connection has no controller yet; it is told when it gets one.
    if (!this.#controller) this.#fail(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortedWith) {
      controller.abort(this.#abortedWith);
      return;
    }
    this.#state = { kind: 'sent' };
    const { admission, clock } = this.#options;
    admission.place?.sent(clock.now());
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: ParsedHeaders,
    statusText?: string,
  ): void {
    // Of 1xx none is for the worker: its own 100-continue was answered by us.
    if (status < 200 || this.#state.kind !== 'sent') return;
    this.answeredAtMs = this.#options.clock.now();
    if (status === 503) this.isEgressCutOff = textOf(headers['via']) === VIA;
    const raw = (controller.rawHeaders ?? headers) as RawHeaders; // the type lists all that undici has ever given
    const head: Head = {
      status,
      statusText: statusText || undefined,
      headers: forwardedResponseHeaders(raw, headers),
    };
    if (needsBody(status) || this.#isOfBotToken(status)) {
      this.#state = { kind: 'judging', head, parsed: headers, chunks: [], bytes: 0 };
      return;
    }
    this.#options.admission.done({ status, header: (name) => textOf(headers[name]) });
    this.#begin(head);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#options.counts.receivedBytes += chunk.length;
    const state = this.#state;
    if (state.kind === 'streaming') return this.#write(controller, chunk);
    if (state.kind !== 'judging') return;
    state.chunks.push(chunk);
    state.bytes += chunk.length;
    if (state.bytes <= MAX_JUDGED_BYTES) return;
    this.#judge(state, undefined);
    this.#begin(state.head);
    for (const kept of state.chunks) this.#write(controller, kept);
  }

  onResponseEnd(): void {
    const state = this.#state;
    if (state.kind === 'judging') {
      const body = Buffer.concat(state.chunks);
      const verdict = this.#judge(state, body.toString('utf8'));
      if (verdict === 'repeat') return this.#finish({ kind: 'limited' });
      if (this.#isOfBotToken(state.head.status)) return this.#finish({ kind: 'token-refused' });
      this.#begin(state.head);
      this.#options.response.end(body);
    } else if (state.kind === 'streaming') this.#options.response.end();
    else return;
    this.#finish({ kind: 'answered' });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  /** It could not even be handed over. */
  refused(error: Error): void {
    this.#fail(error);
  }

  #isOfBotToken(status: number): boolean {
    return status === 401 && this.#options.admission.route.needsToken;
  }

  #fail(error: Error): void {
    const { admission, response } = this.#options;
    switch (this.#state.kind) {
      case 'over':
        return;
      case 'waiting':
        admission.failed('not-sent');
        return this.#finish({ kind: 'not-sent', error });
      case 'judging':
        // The head tells most of it; the worker got nothing yet.
        this.#judge(this.#state, undefined, false);
        return this.#finish({ kind: 'broken', error });
      case 'sent':
        if (this.#abortedWith) admission.abandoned();
        else admission.failed('unknown');
        return this.#finish({ kind: 'broken', error });
      case 'streaming':
        // A reset: an end could be taken for the end of the body. Where its turn on the connection has not come it has no socket yet.
        response.req.socket.resetAndDestroy();
        return this.#finish({ kind: 'cut', error });
    }
  }

  /** Tells the limiter; `repeat` where the request may and can be sent again. */
  #judge(
    { head, parsed }: Extract<State, { kind: 'judging' }>,
    body: string | undefined,
    isWhole = true,
  ): 'repeat' | 'deliver' {
    const { admission, canRepeat } = this.#options;
    const verdict = admission.done({
      status: head.status,
      header: (name) => textOf(parsed[name]),
      ...(body === undefined ? {} : { body }),
    });
    return isWhole && body !== undefined && verdict.kind === 'retry' && canRepeat() ? 'repeat' : 'deliver';
  }

  #begin({ status, statusText, headers }: Head): void {
    const { response, isDraining } = this.#options;
    this.#state = { kind: 'streaming' };
    // Discord's own, where it has one.
    response.sendDate = false;
    if (isDraining()) headers.push('connection', 'close');
    if (statusText === undefined) response.writeHead(status, headers);
    else response.writeHead(status, statusText, headers);
    // With the first of the body, where that is there already; else the worker sees at once that the answer has begun.
    queueMicrotask(() => {
      if (this.#state.kind === 'streaming' && !this.#hasWritten) response.flushHeaders();
    });
  }

  #write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response, clock, stallTimeoutMs } = this.#options;
    this.#hasWritten = true;
    if (response.write(chunk)) return;
    controller.pause();
    this.#stall ??= clock.setTimer(
      () => this.abort(new WorkerStalledError('the worker does not read its answer')),
      stallTimeoutMs,
    );
    if (this.#isWaitingForDrain) return;
    this.#isWaitingForDrain = true;
    response.once('drain', () => {
      this.#isWaitingForDrain = false;
      this.#calm();
      controller.resume();
    });
  }

  #finish(outcome: CallOutcome): void {
    this.#state = { kind: 'over' };
    this.#calm();
    this.#outcome.resolve(outcome);
  }

  #calm(): void {
    this.#stall?.[Symbol.dispose]();
    this.#stall = undefined;
  }
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
