/** Writes what a worker has to tell, in order, dispatches in batches. Runs per dispatch. */
import type { WorkerReport } from '../messages.ts';
import { startSequenceOf } from './session-start.ts';

const FLUSH_INTERVAL_MS = 20;

/** Numbers that wait in one shard's batch before it is written at once. */
const MAX_BATCH_NUMBERS = 1_500;

export class Reporter {
  readonly #write: (line: string) => void;
  readonly #batches = new Map<number, number[]>();
  /** By shard: what its session begins behind. */
  readonly #starts = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** READY has come. */
  ready(shard: number, sessionId: string, resumeUrl: string): void {
    const start = startSequenceOf(sessionId);
    this.#starts.set(shard, start);
    this.report(['ready', shard, start, sessionId, resumeUrl]);
  }

  /** Those guilds that a session begins with are not reported: Discord did not send them now. */
  dispatch(shard: number, sequence: number, crc: number, receivedUs: number): void {
    if (sequence <= (this.#starts.get(shard) ?? 0)) return;
    let batch = this.#batches.get(shard);
    if (!batch) {
      batch = [];
      this.#batches.set(shard, batch);
    }
    batch.push(sequence, crc, receivedUs);
    if (batch.length >= MAX_BATCH_NUMBERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  /** After all dispatches before it. */
  report(report: WorkerReport): void {
    this.flush();
    this.#write(`${JSON.stringify(report)}\n`);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let text = '';
    for (const [shard, batch] of this.#batches) {
      if (batch.length === 0) continue;
      const report: WorkerReport = ['dispatches', shard, ...batch];
      text += `${JSON.stringify(report)}\n`;
      batch.length = 0;
    }
    if (text !== '') this.#write(text);
  }
}
