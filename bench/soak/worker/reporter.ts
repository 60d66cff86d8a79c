/** Tells the parent what became of requests, many at a time. */
import { OUTCOMES, type Outcome, type WorkersReport } from '../messages.ts';

const FLUSH_MS = 100;

/** Of each outcome, and each process. */
const MAX_EXAMPLES = 5;

export class Reporter {
  readonly #write: (line: string) => void;
  readonly #examples = new Map<Outcome, number>();
  #columns: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  ready(): void {
    this.#tell(['ready']);
  }

  answered(bucket: number, outcome: Outcome, times: { atMs: number; tookMs: number }): void {
    this.#columns.push(bucket, OUTCOMES.indexOf(outcome), round(times.atMs), round(times.tookMs));
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  example(outcome: Outcome, text: string): void {
    const count = (this.#examples.get(outcome) ?? 0) + 1;
    this.#examples.set(outcome, count);
    if (count <= MAX_EXAMPLES) this.#tell(['example', outcome, text]);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#columns.length > 0) this.#tell(['answers', ...this.#columns]);
    this.#columns = [];
  }

  #tell(report: WorkersReport): void {
    this.#write(`${JSON.stringify(report)}\n`);
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
