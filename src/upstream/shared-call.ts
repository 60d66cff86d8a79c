import { abortable } from '../runtime/abortable.ts';

interface Running<Answer> {
  readonly answer: Promise<Answer>;
  readonly abort: AbortController;
  callers: number;
}

/** One call for all who want its answer at the same moment. It is ended when all of them have given up. */
export class SharedCall<Answer> {
  readonly #call: (signal: AbortSignal) => Promise<Answer>;
  #running: Running<Answer> | undefined;

  constructor(call: (signal: AbortSignal) => Promise<Answer>) {
    this.#call = call;
  }

  /** Rejects when `signal` aborts, and as the call does. */
  async join(signal: AbortSignal): Promise<Answer> {
    const running = this.#running ?? this.#start();
    running.callers++;
    try {
      return await abortable(running.answer, signal);
    } finally {
      if (--running.callers === 0) this.#end(running);
    }
  }

  #start(): Running<Answer> {
    const abort = new AbortController();
    const running = { answer: this.#call(abort.signal), abort, callers: 0 };
    this.#running = running;
    // Before those who wait for it go on: who asks after that wants a new answer.
    const forget = () => this.#forget(running);
    running.answer.then(forget, forget);
    return running;
  }

  #end(running: Running<Answer>): void {
    this.#forget(running);
    running.abort.abort();
  }

  #forget(running: Running<Answer>): void {
    if (this.#running === running) this.#running = undefined;
  }
}
