/** Writes to the terminal: a block that is written over again and again, or plain lines where it is no terminal. */
import { statusLine, tableLines, type View } from './table.ts';

/** Between two status lines where there is no terminal. */
const LINE_INTERVAL_MS = 2_000;

/** CSI sequences: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const CLEAR_TO_END = '\x1b[J';
const up = (lines: number) => (lines > 0 ? `\x1b[${lines}F` : '');

const NARROWEST = 40;

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export class Screen {
  readonly #output: Output;
  #blockHeight = 0;
  #nextLineAtMs = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  get isLive(): boolean {
    return this.#output.isTTY === true;
  }

  show(view: View): void {
    if (this.isLive) {
      // A line that wraps would take two rows, and the next block would begin a row too low.
      const width = Math.max(NARROWEST, (this.#output.columns ?? 80) - 1);
      const lines = tableLines(view).map((line) => line.slice(0, width));
      this.#output.write(`${up(this.#blockHeight)}${CLEAR_TO_END}${lines.join('\n')}\n`);
      this.#blockHeight = lines.length;
    } else if (view.elapsedMs >= this.#nextLineAtMs) {
      this.#nextLineAtMs = view.elapsedMs + LINE_INTERVAL_MS;
      this.#output.write(`${statusLine(view)}\n`);
    }
  }

  /** A line of the story; on a terminal the block tells it. */
  tell(line: string): void {
    if (!this.isLive) this.#output.write(`${line}\n`);
  }

  /** Text below all that was shown, which stays. */
  print(text: string): void {
    this.#blockHeight = 0;
    this.#output.write(`${text}\n`);
  }
}
