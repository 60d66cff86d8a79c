/** The worker processes, and the one book of what became of their requests. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from '../deployment/child.ts';
import type { Book } from './book.ts';
import type { Caller, SoakBucket } from './load.ts';
import { type CallerStart, COLUMNS, OUTCOMES, type WorkersReport, type WorkersStart } from './messages.ts';

const MAIN = fileURLToPath(new URL('./worker/main.ts', import.meta.url));

/** Twenty processes would have two cores do little else than run twenty event loops. */
const PROCESSES = 4;

export interface SoakWorkersOptions {
  /** `http://host:port` of HAProxy. */
  readonly url: string;
  /** By worker. */
  readonly tokens: readonly string[];
  readonly buckets: readonly SoakBucket[];
  readonly callers: readonly Caller[];
  /** How long a request may wait. */
  readonly deadlineMs: number;
  readonly onFailure: (error: Error) => void;
}

export class SoakWorkers implements AsyncDisposable {
  readonly #options: SoakWorkersOptions;
  readonly #children: readonly Child[];
  readonly #ready = Promise.withResolvers<void>();
  #notReady = PROCESSES;
  #book: Book | undefined;

  constructor(options: SoakWorkersOptions) {
    this.#options = options;
    this.#children = Array.from({ length: PROCESSES }, (_, index) => this.#startOne(index));
  }

  /** Resolves when all of them only wait for `begin`. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Until then (monotonic ms) they ask for all they can. Resolves when they have ended, and the book is complete. */
  async begin(book: Book, endAtMs: number): Promise<void> {
    this.#book = book;
    for (const child of this.#children) {
      child.expectEnd();
      child.tell(JSON.stringify({ endAtMs }));
    }
    await Promise.all(this.#children.map((child) => child.ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end('SIGKILL')));
  }

  #startOne(index: number): Child {
    const { url, tokens, callers, deadlineMs, onFailure } = this.#options;
    const own = callers.filter(({ worker }) => worker % PROCESSES === index);
    const start: WorkersStart = {
      url,
      tokens,
      deadlineMs,
      callers: own.map((one) => this.#callerStart(one)),
    };
    return new Child({
      name: `worker process ${index + 1}`,
      command: process.execPath,
      args: [MAIN],
      environment: environmentWith({}),
      input: JSON.stringify(start),
      onStdoutLine: (line) => this.#take(JSON.parse(line) as WorkersReport),
      onFailure,
    });
  }

  #callerStart({ bucket, worker }: Caller): CallerStart {
    const asked = this.#options.buckets[bucket];
    if (!asked) throw new RangeError(`no bucket ${bucket}`);
    const { kind, place } = asked;
    const { method, body, status } = kind;
    return { bucket, worker, method, path: kind.path(place), body, status };
  }

  #take(report: WorkersReport): void {
    const book = this.#book;
    switch (report[0]) {
      case 'ready':
        this.#notReady -= 1;
        if (this.#notReady === 0) this.#ready.resolve();
        break;
      case 'example':
        book?.example(report[1], report[2]);
        break;
      case 'answers':
        // From 1: behind the kind.
        for (let at = 1; at < report.length; at += COLUMNS) {
          const [bucket = 0, outcome = 0, atMs = 0, tookMs = 0] = report.slice(at, at + COLUMNS).map(Number);
          book?.answered(bucket, OUTCOMES[outcome] ?? 'wrong', { atMs, tookMs });
        }
    }
  }
}
