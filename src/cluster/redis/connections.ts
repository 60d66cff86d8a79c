/**
 * The connections of a store: one for decisions, one for tails and guilds, so that a renewal never waits behind megabytes, and one that
 * listens. Each reconnects by itself, for ever. What is asked for meanwhile is rejected at once.
 */
import { Cluster, Redis } from 'ioredis';
import { Limiter } from '../../runtime/limiter.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { within } from '../../runtime/within.ts';
import { StoreUnreachableError } from '../ports.ts';
import { clusterOptions, type Limits, serverOptions } from './client-options.ts';
import type { RedisKeys } from './keys.ts';
import type { RedisConnectionOptions, RedisCounts, RedisState } from './options.ts';
import { loadScripts, type Script, type ScriptName } from './scripts.ts';

/** In command timeouts. One that is silent for one of them may have met a slow moment of Redis. */
const DECISIONS = { command: 1, silence: 2 };

/** Tails are large, and a node that takes over many shards loads many at once. */
const TAILS = { command: 10, silence: 5 };

/** A handshake is several commands, and a Redis Cluster is several servers. */
const OPEN_TIMEOUT_FACTOR = 3;

/** Redis answers all that one connection has asked for before it turns to the next: each of these keeps it busy for 10 ms. */
const MAX_PARALLEL_LOADS = 2;

/** How often Redis is asked whether it is there: what notices a connection that is dead without having been closed. */
const PROBE_INTERVAL_MS = 1_000;

/**
 * The client of a Redis Cluster gives up where its listening connection is refused the channel, as by a node that has only just come
 * back: for so long after a loss it is told again with each probe.
 */
const LISTEN_AGAIN_MS = 30_000;

/** Whether what was asked for is for the tails' connection: guilds are as large, and as little in a hurry. */
const isOfTails = (name: ScriptName): boolean => name.endsWith('-tail') || name.endsWith('-guilds');

/** `decisions`: neither tails nor messages. */
export type RedisUses = 'all' | 'decisions';

type Client = Redis | Cluster;
type Argument = string | number | Buffer;

/** Redis could not be asked, or refused. The message holds no secret and nothing of what was written. */
export class RedisCallError extends StoreUnreachableError {
  override name = 'RedisCallError';
}

export class RedisConnections implements AsyncDisposable {
  readonly #options: RedisConnectionOptions;
  readonly #keys: RedisKeys;
  readonly #uses: RedisUses;
  readonly #scripts: ReadonlyMap<ScriptName, Script> = loadScripts();
  readonly #decisions: Client;
  readonly #tails: Client;
  /** The listening connection of a Redis Cluster is inside its client. */
  readonly #listening: Client;
  readonly #listeners = new Set<(message: string) => void>();
  readonly #loads = new Limiter(MAX_PARALLEL_LOADS);
  #state: RedisState = { kind: 'connected' };
  #isOpen = false;
  #isDisposed = false;
  #lastError: string | undefined;
  #listensAgainUntilMs = 0;
  #probeTimer: Disposable | undefined;
  readonly counts: RedisCounts = { commands: 0, errors: 0, reconnects: 0 };

  constructor(options: RedisConnectionOptions, keys: RedisKeys, uses: RedisUses = 'all') {
    this.#options = options;
    this.#keys = keys;
    this.#uses = uses;
    this.#decisions = this.#create(DECISIONS);
    this.#tails = uses === 'all' ? this.#create(TAILS) : this.#decisions;
    const listensApart = uses === 'all' && options.mode !== 'cluster';
    this.#listening = listensApart ? this.#create(DECISIONS) : this.#decisions;
  }

  get isConnected(): boolean {
    return this.#isOpen && this.#state.kind === 'connected';
  }

  /** The last thing that a connection complained about. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Resolves when all are connected and listening. Rejects when that takes long: a client tries for ever. */
  async open(): Promise<void> {
    await this.#within(OPEN_TIMEOUT_FACTOR * this.#options.commandTimeoutMs, this.#connectAll());
    if (this.#uses === 'all') await this.#beginListening();
    // A script that Redis knows already would hide that it may not be told one.
    await this.#decisions.eval('return 1', 1, this.#keys.accessCheck);
    this.#isOpen = true;
    this.#scheduleProbe();
  }

  async #beginListening(): Promise<void> {
    this.#listening.on('message', (_channel: string, message: string) => {
      for (const listener of this.#listeners) listener(message);
    });
    await this.#listening.subscribe(this.#keys.messages);
    if (this.#listening instanceof Redis) await this.#listening.ping();
  }

  async #connectAll(): Promise<void> {
    await Promise.all([...this.#clients()].map((client) => client.connect()));
  }

  async #within(limitMs: number, work: Promise<void>): Promise<void> {
    const tooLong = Promise.withResolvers<never>();
    const fail = () => tooLong.reject(new Error(this.#lastError ?? `not connected within ${limitMs} ms`));
    using _timer = this.#options.clock.setTimer(fail, limitMs);
    await Promise.race([work, tooLong.promise]);
  }

  onMessage(listener: (message: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** The reply, strings and numbers in arrays as the script's header says. */
  run(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#counted(() => this.#evaluate(name, keys, args, 'text'));
  }

  /** Likewise, with bytes in place of strings; few at a time, so that Redis gets to other things in between. */
  runForBytes(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#loads.run(() => this.#counted(() => this.#evaluate(name, keys, args, 'bytes')));
  }

  read(key: string): Promise<string | null> {
    return this.#counted(() => this.#decisions.get(key));
  }

  readField(key: string, field: string): Promise<string | null> {
    return this.#counted(() => this.#decisions.hget(key, field));
  }

  async publish(message: string): Promise<void> {
    await this.#counted(() => this.#decisions.publish(this.#keys.messages, message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#probeTimer?.[Symbol.dispose]();
    this.#listeners.clear();
    await Promise.all([...this.#clients()].map((client) => this.#end(client)));
  }

  #clients(): Set<Client> {
    return new Set([this.#decisions, this.#tails, this.#listening]);
  }

  #create(factors: { readonly command: number; readonly silence: number }): Client {
    const options = this.#options;
    const limits: Limits = {
      commandTimeoutMs: factors.command * options.commandTimeoutMs,
      socketTimeoutMs: factors.silence * options.commandTimeoutMs,
    };
    const client =
      options.mode === 'cluster'
        ? new Cluster([...options.hosts], clusterOptions(options, limits))
        : new Redis(serverOptions(options, limits));
    client.on('error', (error: Error) => {
      this.#lastError = error.message;
    });
    client.on('reconnecting', () => {
      this.counts.reconnects++;
    });
    client.on('close', () => {
      if (client === this.#decisions) this.#lost(this.#lastError ?? 'the connection was closed');
    });
    client.on('ready', () => {
      if (client === this.#decisions && this.#isOpen) void this.#probe();
      if (this.#uses === 'all' && client === this.#listening && client instanceof Redis && this.#isOpen) {
        this.#listen(client);
      }
    });
    return client;
  }

  /** Again, on a new connection. Where that fails, the connection does, and the next one comes. */
  #listen(client: Redis): void {
    client.subscribe(this.#keys.messages).catch((error: Error) => {
      this.#lastError = error.message;
    });
  }

  #listenAgain(): void {
    const client = this.#listening;
    if (this.#uses !== 'all' || client instanceof Redis || this.#isDisposed) return;
    if (this.#options.clock.now() >= this.#listensAgainUntilMs) return;
    // Whoever listens already is not disturbed by it.
    client.subscribe(this.#keys.messages).catch(() => undefined);
  }

  async #evaluate(
    name: ScriptName,
    keys: readonly string[],
    args: readonly Argument[],
    reply: 'text' | 'bytes',
  ): Promise<unknown> {
    const script = this.#scripts.get(name);
    if (!script) throw new Error(`no script ${name}`);
    const client = isOfTails(name) ? this.#tails : this.#decisions;
    const call = (command: string, text: string) => {
      const all = [text, keys.length, ...keys, ...args];
      return reply === 'text' ? client.call(command, all) : client.callBuffer(command, all);
    };
    try {
      return await call('evalsha', script.sha1);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return call('eval', script.lua);
    }
  }

  async #counted<Reply>(call: () => Promise<Reply>): Promise<Reply> {
    this.counts.commands++;
    try {
      return await call();
    } catch (error) {
      this.counts.errors++;
      throw new RedisCallError(this.#wording(error));
    }
  }

  /** ioredis's errors carry the command with all that was to be written; only their words go on. */
  #wording(error: unknown): string {
    const said = reasonOf(error);
    if (said === 'Command timed out')
      return `Redis did not answer within ${this.#options.commandTimeoutMs} ms`;
    if (!/enableOfflineQueue|max retries per request|Connection is closed/.test(said))
      return `Redis: ${said}`;
    return `not connected to Redis${this.#lastError === undefined ? '' : `: ${this.#lastError}`}`;
  }

  #scheduleProbe(): void {
    if (this.#isDisposed) return;
    this.#probeTimer?.[Symbol.dispose]();
    this.#probeTimer = this.#options.clock.setTimer(() => void this.#probe(), PROBE_INTERVAL_MS);
  }

  async #probe(): Promise<void> {
    this.#scheduleProbe();
    const { deployment } = this.#keys;
    // These two only keep the connections honest: an unanswered command ends one.
    this.#tails.get(deployment).catch(() => undefined);
    if (this.#listening instanceof Redis) this.#listening.ping().catch(() => undefined);
    try {
      await this.#decisions.get(deployment);
      this.#found();
      this.#listenAgain();
    } catch (error) {
      this.#lost(this.#wording(error));
    }
  }

  #found(): void {
    if (this.#state.kind === 'connected' || this.#isDisposed) return;
    this.#state = { kind: 'connected' };
    this.#lastError = undefined;
    this.#listensAgainUntilMs = this.#options.clock.now() + LISTEN_AGAIN_MS;
    this.#options.onState?.(this.#state);
  }

  #lost(reason: string): void {
    if (this.#state.kind === 'lost' || !this.#isOpen || this.#isDisposed) return;
    this.#state = { kind: 'lost', reason };
    this.#options.onState?.(this.#state);
  }

  /** A client that is waiting to reconnect ends without a word. */
  async #end(client: Client): Promise<void> {
    if (client.status === 'end') return;
    const ended = Promise.withResolvers<void>();
    client.once('end', () => ended.resolve());
    if (client.status === 'reconnecting') ended.resolve();
    client.disconnect();
    await within(this.#options.clock, this.#options.commandTimeoutMs, ended.promise);
  }
}
