/** One process of a deployment: started, listened to, stopped. An end that nobody asked for is told to whoever started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** How much of a process's own output a failure shows. */
const LINES_KEPT = 12;
const MAX_LINE_LENGTH_SHOWN = 400;

/** A process that ignores SIGTERM this long is killed, unless more was given. */
const STOP_TIMEOUT_MS = 8_000;

/**
 * Runs a program that Linux kills when we are gone, however we went. Where it is not installed (it is part of every Debian), our
 * programs still end by themselves when their stdin closes; HAProxy and Redis would stay.
 */
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** The first line of its stdin, which stays open for as long as this process lives. */
  readonly input?: string;
  /** Lines of stdout; they are kept for failures only where this is left out. */
  readonly onStdoutLine?: (line: string) => void;
  /** A file that all it prints is added to. */
  readonly logPath?: string;
  /** It could not be started, or ended by itself. */
  readonly onFailure: (error: Error) => void;
}

export class Child {
  static readonly #running = new Set<Child>();

  /** Resolves when it has ended and all that it wrote was read. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #log: WriteStream | undefined;
  readonly #lastLines: string[] = [];
  readonly #lineListeners = new Set<(line: string) => void>();
  #isEnding = false;

  constructor(options: ChildOptions) {
    const { name, command, args, environment, input, logPath } = options;
    this.#name = name;
    this.#log = logPath === undefined ? undefined : createWriteStream(logPath, { flags: 'a' });
    this.#log?.on('error', () => undefined); // The directory was removed at the end of it all.
    const [program = command, ...programArgs] =
      SETPRIV === undefined ? [command, ...args] : [SETPRIV, '--pdeathsig', 'KILL', command, ...args];
    // A process group of its own: Ctrl-C in the terminal is for us, and we end the others in order.
    this.#process = spawn(program, programArgs, { env: environment, stdio: 'pipe', detached: true });
    Child.#running.add(this);
    this.#process.stdin?.on('error', () => undefined); // It has ended; `close` tells.
    if (input !== undefined) this.#process.stdin?.write(`${input}\n`);
    this.ended = this.#follow(options);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return Child.#running.has(this);
  }

  /** One more line of its stdin. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
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

  /** Ends it, which then is no failure. SIGTERM is followed by SIGKILL where it does not help in time. */
  async end(signal: 'SIGTERM' | 'SIGKILL', timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    this.expectEnd();
    if (!this.isRunning) return this.ended;
    this.#process.kill(signal);
    // A stopped process gets the signal only when it goes on.
    this.#process.kill('SIGCONT');
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), timeoutMs);
    await this.ended;
    clearTimeout(killer);
  }

  /** From now on its end is no failure: something else is about to end it. */
  expectEnd(): void {
    this.#isEnding = true;
  }

  /** Nothing of it runs until `resume`, and its connections stay open. */
  pause(): void {
    if (this.isRunning) this.#process.kill('SIGSTOP');
  }

  resume(): void {
    if (this.isRunning) this.#process.kill('SIGCONT');
  }

  /** For the last moment of our own process, when nothing can be awaited any more. */
  static killAll(): void {
    for (const child of Child.#running) {
      child.#isEnding = true;
      child.#process.kill('SIGKILL');
    }
  }

  #follow({ onStdoutLine, onFailure }: ChildOptions): Promise<void> {
    const { stdout, stderr } = this.#process;
    if (stderr) createInterface(stderr).on('line', (line) => this.#keep(line));
    const outputRead = new Promise<void>((resolve) => {
      if (!stdout) return resolve();
      createInterface(stdout)
        .on('line', onStdoutLine ?? ((line) => this.#keep(line)))
        .on('close', resolve);
    });
    return new Promise((resolve) => {
      this.#process.once('error', (error) => {
        Child.#running.delete(this);
        onFailure(new Error(`${this.#name} could not be started: ${error.message}`, { cause: error }));
        resolve();
      });
      this.#process.once('close', (code, signal) => {
        Child.#running.delete(this);
        this.#log?.end();
        if (!this.#isEnding) onFailure(this.failure(`ended by itself (${signal ?? `exit code ${code}`})`));
        void outputRead.then(resolve);
      });
    });
  }

  #keep(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LINES_KEPT) this.#lastLines.shift();
    this.#log?.write(`${line}\n`);
    for (const listener of this.#lineListeners) listener(line);
  }
}

/** Our own environment, without settings that would change the parts. */
export function environmentWith(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(([name]) => !/^(SHARDMUX|HAPROXY)_/.test(name));
  return { ...Object.fromEntries(foreign), ...settings };
}
