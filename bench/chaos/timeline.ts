/** What happened when: to stderr or stdout, to a file beside the nodes' logs, and kept for the gaps. */
import { appendFileSync } from 'node:fs';
import type { Span } from '../deployment/gaps.ts';
import { monotonicUs } from '../deployment/monotonic.ts';
import type { Fault } from './plan.ts';

/** A gap belongs to a fault that was over so long before, at most: a takeover and a worker's return fit in. */
const AFTERMATH_US = 10_000_000;

export interface TimelineOptions {
  readonly path: string;
  readonly write: (line: string) => void;
}

export class Timeline {
  readonly #options: TimelineOptions;
  readonly #startedAtMs = performance.now();
  readonly #spans = new Map<Fault, { readonly fromUs: number; untilUs: number }>();

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  tell(line: string): void {
    const elapsed = ((performance.now() - this.#startedAtMs) / 1000).toFixed(1).padStart(6);
    const text = `${new Date().toISOString().slice(11, 23)} ${elapsed} s  ${line}\n`;
    this.#options.write(text);
    appendFileSync(this.#options.path, text);
  }

  begins(fault: Fault, text: string): void {
    this.#spans.set(fault, { fromUs: monotonicUs(), untilUs: Number.POSITIVE_INFINITY });
    this.tell(`> ${text}`);
  }

  isOver(fault: Fault, text: string): void {
    const span = this.#spans.get(fault);
    if (span) span.untilUs = monotonicUs() + AFTERMATH_US;
    this.tell(`  over: ${text}`);
  }

  /** Of those that were carried out, in this order. */
  get faults(): readonly Fault[] {
    return [...this.#spans.keys()];
  }

  /** When faults, and what they may still have caused, went on. */
  get spans(): readonly Span[] {
    return [...this.#spans.values()];
  }
}
