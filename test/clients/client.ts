/** A bot on a stock library as a process of its own (workers/), steered over its stdin. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import type { Entity } from './compare.ts';

/** A test that times out never gets to its disposal. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Of a command, also of one that waits for the library. */
const ANSWER_DEADLINE_MS = 30_000;

export interface HeardDispatch {
  readonly s: number;
  readonly t: string;
  /** READY's number of guilds. */
  readonly guilds?: number;
  /** Id of a guild that went out. */
  readonly out?: string;
}

interface InChannel {
  channelId: string;
}

interface OfMessage extends InChannel {
  messageId: string;
}

export interface HeardMessage {
  readonly id: string;
  readonly content: string;
}

/** What the workers can be asked that have all of their REST API at shardmux: each is the library's own call. */
interface RestCommands {
  send(given: InChannel & { content: string }): HeardMessage;
  /** All at once. */
  sendMany(given: InChannel & { contents: string[] }): HeardMessage[];
  edit(given: OfMessage & { content: string }): HeardMessage;
  delete(given: OfMessage): void;
  /** All at once. */
  react(given: OfMessage & { emojis: string[] }): void;
  /** Ids of users. */
  reactors(given: OfMessage & { emoji: string; limit: number; after?: string }): string[];
  messages(given: InChannel & { limit: number; before?: string }): HeardMessage[];
  /** Ids of users. */
  members(given: { guildId: string; limit: number; after?: string }): string[];
  /** Answers with the name that the channel has then. */
  rename(given: InChannel & { name: string; reason: string }): string;
  /** A file of random bytes; answers with its hash, and the size that the message tells of. */
  upload(given: InChannel & { bytes: number }): { sha256: string; bytes: number };
  /** Makes a webhook, sends a message with it, edits and reads it. */
  webhook(given: InChannel & { content: string }): HeardMessage;
  /** Reading or editing a message, which fails: what the library's own error says. */
  failure(given: OfMessage & { call: 'fetch' | 'edit' }): { name: string; status: number; code?: number };
  /** What it was answered when it answered a slash command; null until it has. */
  answered(given: { name: string }): string[] | null;
}

/** What a worker can be asked, and what it answers. */
export interface Commands extends RestCommands {
  /** Answers once the library says that it is ready. */
  ready(): void;
  /** All dispatches that the library was handed since the process began, in order. */
  heard(): { shard: number; dispatches: HeardDispatch[] }[];
  /** Warnings and errors of the library. */
  complaints(): string[];
  /** What is cached of the guilds, by id. */
  guilds(): Record<string, Entity>;
  /** The library's own call; answers with the ids of the members that it gave. */
  requestMembers(given: { guildId: string; query?: string; limit?: number; ids?: string[] }): string[];
  setPresence(given: { name: string; status: 'online' | 'idle' | 'dnd' | 'invisible' }): void;
  joinVoice(given: { guildId: string; channelId: string }): void;
  leaveVoice(given: { guildId: string }): void;
}

export interface ClientOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** `http://host:port` where shardmux is. */
  readonly shardmux: string;
  /** `http://host:port/api` of the REST API. */
  readonly rest: string;
  readonly token: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Client implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed: Promise<void>;
  #asked = 0;
  #errors = '';

  constructor({ command: [program, ...args], shardmux, rest, token }: ClientOptions) {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        SHARDMUX: shardmux,
        REST: rest,
        TOKEN: token,
        INTENTS: String(ALL_INTENTS),
      },
    });
    this.#child = child;
    alive.add(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    child.once('error', (error) => this.#fail(error));
    this.#closed = new Promise((resolve) => {
      child.once('close', (code) => {
        alive.delete(child);
        this.#fail(new Error(`the worker ended (${code}):\n${this.#errors}`));
        resolve();
      });
    });
  }

  /** What the process wrote to stderr. */
  get stderr(): string {
    return this.#errors;
  }

  async ask<Name extends keyof Commands>(
    command: Name,
    ...[given]: Parameters<Commands[Name]>
  ): Promise<ReturnType<Commands[Name]>> {
    this.#asked += 1;
    const id = this.#asked;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin?.write(`${JSON.stringify({ id, command, given })}\n`);
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new Error(`no answer to ${command}:\n${this.#errors}`));
    }, ANSWER_DEADLINE_MS);
    try {
      // The reason for the cast: workers answer as `Commands` says.
      return (await answer) as ReturnType<Commands[Name]>;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What it was handed of a shard, without the RESUMEDs, which are shardmux' own. */
  async heard(shard: number): Promise<HeardDispatch[]> {
    const all = await this.ask('heard');
    const dispatches = all.find((each) => each.shard === shard)?.dispatches ?? [];
    return dispatches.filter(({ t }) => t !== 'RESUMED');
  }

  /** How often it was told that it resumed, over all shards. */
  async resumes(): Promise<number> {
    const all = await this.ask('heard');
    return all.flatMap(({ dispatches }) => dispatches).filter(({ t }) => t === 'RESUMED').length;
  }

  /** As a crash of the process. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (alive.has(this.#child)) await this.kill();
  }

  #answered(line: string): void {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`in the worker: ${error}`));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
