/** One process of the demo: started, listened to, stopped. An end that nobody asked for is a failure of the demo. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How much of a process's own output a failure shows. */
const LINES_KEPT = 12;
const MAX_LINE_LENGTH_SHOWN = 400;

/** A process that ignores SIGTERM this long is killed at the end of the demo. */
const STOP_TIMEOUT_MS = 8_000;

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** The first line of its stdin, which stays open for as long as this process lives. */
  readonly input?: string;
  /** Lines of stdout; they are kept for failures only where this is left out. */
  readonly onStdoutLine?: (line: string) => void;
  /** It could not be started, or ended by itself. */
  readonly onFailure: (error: Error) => void;
}

export class Child {
  static readonly #running = new Set<Child>();

  /** Resolves when it has ended and all that it wrote was read. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #lastLines: string[] = [];
  readonly #lineListeners = new Set<(line: string) => void>();
  #isEnding = false;

  constructor(options: ChildOptions) {
    this.#name = options.name;
    // A process group of its own: Ctrl-C in the terminal is for the demo, which then ends the others in order.
    this.#process = spawn(options.command, options.args, {
      env: options.environment,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    Child.#running.add(this);
    const { stdin, stdout, stderr } = this.#process;
    stdin?.on('error', () => undefined); // It has ended; `close` tells.
    if (options.input !== undefined) stdin?.write(`${options.input}\n`);
    if (stderr) createInterface(stderr).on('line', (line) => this.#keep(line));
    const outputRead = new Promise<void>((resolve) => {
      if (!stdout) return resolve();
      createInterface(stdout)
        .on('line', options.onStdoutLine ?? ((line) => this.#keep(line)))
        .on('close', resolve);
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => {
        Child.#running.delete(this);
        options.onFailure(
          new Error(`${this.#name} could not be started: ${error.message}`, { cause: error }),
        );
        resolve();
      });
      this.#process.once('close', (code, signal) => {
        Child.#running.delete(this);
        if (!this.#isEnding)
          options.onFailure(this.failure(`ended by itself (${signal ?? `exit code ${code}`})`));
        void outputRead.then(resolve);
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return Child.#running.has(this);
  }

  /** An error about this process, with its last output. */
  failure(what: string): Error {
    const output = this.#lastLines.map((line) => `\n    ${line.slice(0, MAX_LINE_LENGTH_SHOWN)}`).join('');
    return new Error(`${this.#name} ${what}${output && `\n  its last output:${output}`}`);
  }

  /** The first line of output, earlier ones included, from which `pick` makes something. */
  line<T>(pick: (line: string) => T | undefined, what: string, timeoutMs: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const listener = (line: string) => {
      const picked = pick(line);
      if (picked !== undefined) resolve(picked);
    };
    const timer = setTimeout(
      () => reject(this.failure(`did not say "${what}" within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    void this.ended.then(() => reject(this.failure(`ended before it said "${what}"`)));
    this.#lineListeners.add(listener);
    for (const line of this.#lastLines) listener(line);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#lineListeners.delete(listener);
    });
  }

  /** Ends it, which then is no failure. SIGTERM is followed by SIGKILL where it does not help. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#isEnding = true;
    if (!this.isRunning) return this.ended;
    this.#process.kill(signal);
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(killer);
  }

  /** For the last moment of our own process, when nothing can be awaited any more. */
  static killAll(): void {
    for (const child of Child.#running) {
      child.#isEnding = true;
      child.#process.kill('SIGKILL');
    }
  }

  #keep(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LINES_KEPT) this.#lastLines.shift();
    for (const listener of this.#lineListeners) listener(line);
  }
}

/** The environment of whoever runs the demo, without settings that would change its parts. */
export function environmentWith(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(([name]) => !/^(SHARDMUX|HAPROXY)_/.test(name));
  return { ...Object.fromEntries(foreign), ...settings };
}
