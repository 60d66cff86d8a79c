/**
 * What limiters know, in one file for the next start: written anew every few seconds and put in place whole, so that a crash leaves the
 * older one. Without it, or with one that can't be read, limits are learnt again.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';

/** How much of what was learnt a crash may lose. */
const SAVE_INTERVAL_MS = 10_000;

export interface StateFileOptions {
  readonly directory: string;
  readonly name: string;
  /** As JSON can hold it. */
  readonly read: () => unknown;
  readonly clock: Clock;
  /** Said once, until it goes well again. */
  readonly onProblem: (reason: string) => void;
}

export class StateFile implements AsyncDisposable {
  readonly #options: StateFileOptions;
  readonly #path: string;
  #timer: Disposable | undefined;
  #saved = '';
  #saving: Promise<void> = Promise.resolve();
  #isFailing = false;

  constructor(options: StateFileOptions) {
    this.#options = options;
    this.#path = join(options.directory, `${options.name}.json`);
  }

  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** What was saved last; `undefined` where there is none that can be read. */
  load(): unknown {
    try {
      mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
      return JSON.parse(readFileSync(this.#path, 'utf8')) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError)
        this.#options.onProblem(`${this.#path} is no JSON; it is written anew`);
      else if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#complain(error);
      return undefined;
    }
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      this.#save();
      this.start();
    }, SAVE_INTERVAL_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#save();
    await this.#saving;
  }

  #save(): void {
    this.#saving = this.#saving.then(async () => {
      const text = JSON.stringify(this.#options.read());
      if (text === this.#saved) return;
      try {
        await replaceFile(this.#path, text);
        this.#saved = text;
        this.#isFailing = false;
      } catch (error) {
        // A full disk must not stop requests.
        this.#complain(error);
      }
    });
  }

  #complain(error: unknown): void {
    if (!this.#isFailing) this.#options.onProblem(reasonOf(error));
    this.#isFailing = true;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
