/**
 * The processes of a measurement: started, listened to, stopped. Knows nothing of what they measure. A process that
 * ends or reports a failure rejects whatever is being awaited of it; its last output goes into the error.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Failed } from './messages.ts';

/** A process that ignores SIGTERM this long is killed. */
const STOP_TIMEOUT_MS = 5_000;

/** How much of a process's own output an error shows. */
const LINES_KEPT = 15;

type Message = { readonly type: string } | Failed;

export interface StartOptions {
  readonly name: string;
  /** The program; Node where left out. */
  readonly program?: string;
  readonly arguments: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Told each line of stdout and stderr. */
  readonly onLine?: (line: string) => void;
}

export class BenchProcess implements AsyncDisposable {
  static readonly #running = new Set<BenchProcess>();

  readonly #name: string;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #process: ChildProcess;
  readonly #failed = Promise.withResolvers<never>();
  readonly #waiting = new Map<string, (message: Message) => void>();
  readonly #lastLines: string[] = [];
  #lineListener: ((line: string) => void) | null = null;
  #problem: string | null = null;
  #stopping = false;

  constructor(options: StartOptions) {
    options.signal.throwIfAborted();
    this.#name = options.name;
    this.#onLine = options.onLine;
    this.#process = spawn(options.program ?? process.execPath, options.arguments, {
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    BenchProcess.#running.add(this);
    this.#failed.promise.catch(() => {}); // Nobody may be waiting at that moment; the next wait sees it.
    const interrupt = () => this.#fail('interrupted');
    options.signal.addEventListener('abort', interrupt);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream) createInterface(stream).on('line', (line) => this.#takeLine(line));
    }
    this.#process.on('message', (message: Message) => this.#takeMessage(message));
    this.#process.on('error', (error) => this.#fail(error.message));
    this.#process.on('exit', (code, signal) => {
      BenchProcess.#running.delete(this);
      options.signal.removeEventListener('abort', interrupt);
      this.#fail(`ended (${signal ?? `exit code ${code}`})`);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The first thing that went wrong with it, with its last output. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Rejects when the process ends or fails; for racing against what another process is awaited for. */
  get failure(): Promise<never> {
    return this.#failed.promise;
  }

  send(message: object): void {
    this.#process.send(message);
  }

  /** The next message of that type. One waiter a type. Ask before the message can come. */
  message<T extends Message>(type: T['type'], timeoutMs: number): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#waiting.set(type, (message) => resolve(message as T)); // The sender's types pair name and shape.
    return this.#orTimeout(promise, `"${type}"`, timeoutMs);
  }

  /** The first line on stdout or stderr from which `pick` makes something. */
  line<T>(pick: (line: string) => T | null, expectation: string, timeoutMs: number): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#lineListener = (line) => {
      const picked = pick(line);
      if (picked !== null) resolve(picked);
    };
    for (const line of this.#lastLines) this.#lineListener(line);
    return this.#orTimeout(promise, expectation, timeoutMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end('SIGTERM');
  }

  /** Ends it, which then is no failure. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#stopping = true;
    if (!BenchProcess.#running.has(this)) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill(signal);
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(killer);
  }

  /** For the last moment of our own process, when nothing can be awaited any more. */
  static killAll(): void {
    for (const running of BenchProcess.#running) running.#process.kill('SIGKILL');
  }

  #orTimeout<T>(promise: Promise<T>, expectation: string, timeoutMs: number): Promise<T> {
    const timer = setTimeout(() => this.#fail(`no ${expectation} within ${timeoutMs} ms`), timeoutMs);
    const either = Promise.race([promise, this.#failed.promise]).finally(() => clearTimeout(timer));
    either.catch(() => {}); // Whoever asked may have failed over another process before awaiting this.
    return either;
  }

  #takeLine(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LINES_KEPT) this.#lastLines.shift();
    this.#lineListener?.(line);
    this.#onLine?.(line);
  }

  #takeMessage(message: Message): void {
    if (message.type === 'failed') this.#fail((message as Failed).reason);
    const waiter = this.#waiting.get(message.type);
    this.#waiting.delete(message.type);
    waiter?.(message);
  }

  #fail(reason: string): void {
    if (this.#stopping || this.#problem !== null) return;
    const output = this.#lastLines.map((line) => `\n    ${line}`).join('');
    this.#problem = `${this.#name}: ${reason}${output && `\n  its last output:${output}`}`;
    this.#failed.reject(new Error(this.#problem));
  }
}
