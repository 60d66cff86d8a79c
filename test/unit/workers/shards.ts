/** A worker gateway over shards that a test feeds by hand, on a clock that a test moves. Sockets and event logs are real. */

import { EventLog, LogMemory } from '../../../src/log/index.ts';
import { EventTypeId } from '../../../src/protocol/event-types.ts';
import { parseShardPath, shardPath } from '../../../src/routing/index.ts';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import {
  createAuthenticator,
  GatewayServer,
  type GatewayServerOptions,
  type GuildReading,
  type Peers,
  type RelayTarget,
  type ServedApplication,
  type Serving,
  type ShardDirectory,
  type ShardListener,
  type ShardRequests,
  type Submission,
  sessionKey,
  upstreamEpoch,
  type WorkerLog,
  type WorkerShard,
  type WorkerToken,
  type WorkerVoice,
} from '../../../src/workers/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { connectWorker, type Worker, type WorkerOptions } from '../../support/worker.ts';

export const APPLICATION_ID = '100000000000000000';

/** Sequence of the upstream READY, with which a log begins. */
export const FIRST_SEQUENCE = 1;

export interface LogBounds {
  readonly maxBytes?: number;
}

export class TestShard implements WorkerShard {
  readonly shardId: number;
  readonly shardCount: number;
  readonly log: EventLog;
  readonly submitted: string[] = [];
  readonly guildIds = new Set<string>();
  readonly senders: symbol[] = [];
  /** Of commands whose sender waits to know that they were sent. */
  readonly unsent: (() => void)[] = [];
  voice: WorkerVoice | undefined;
  /** What it answers to commands. */
  submission: Submission = 'queued';
  serving: Serving = { kind: 'waiting' };
  /** Left out, it keeps no state of its guilds. */
  takeReading: (() => GuildReading | undefined) | undefined;
  areGuildsLoading = false;
  /** How often a session has asked for them meanwhile. */
  guildsWanted = 0;
  /** Left out, requests are commands like others. */
  requests: ShardRequests | undefined;
  readonly #listeners = new Set<ShardListener>();

  constructor(shardId: number, shardCount: number, { maxBytes = 1024 * 1024 }: LogBounds = {}) {
    this.shardId = shardId;
    this.shardCount = shardCount;
    this.log = new EventLog({ maxBytes, maxAgeMs: 60_000, memory: new LogMemory(64 * 1024 * 1024) });
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  wantGuilds(): void {
    this.guildsWanted++;
  }

  /** An upstream READY. */
  begin(upstreamSessionId = 'first', ready: Readonly<Record<string, unknown>> = READY): void {
    this.log.reset(FIRST_SEQUENCE);
    this.serving = {
      kind: 'serving',
      epoch: upstreamEpoch(upstreamSessionId),
      ready,
      guildIds: this.guildIds,
      isCatchingUp: false,
    };
    for (const listener of [...this.#listeners]) listener.onEpochOver();
  }

  isCatchingUp(isCatchingUp: boolean): void {
    if (this.serving.kind === 'serving') this.serving = { ...this.serving, isCatchingUp };
  }

  /** Dispatches that arrive together; their texts. */
  dispatch(count = 1, fill = '', audience?: string): string[] {
    const texts = Array.from({ length: count }, (_, index) => {
      const sequence = this.log.head + 1;
      const text = `{"t":"TYPING_START","s":${sequence},"op":0,"d":{"n":${index},"fill":"${fill}"}}`;
      this.log.append(
        sequence,
        EventTypeId.GuildCreate + 1,
        Buffer.from(text),
        0,
        0,
        Buffer.byteLength(text),
        audience,
      );
      return text;
    });
    for (const listener of this.#listeners) listener.onRecords();
    return texts;
  }

  subscribe(listener: ShardListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  readGuilds(): GuildReading | undefined {
    return this.takeReading?.();
  }

  submit(payload: string, sender: symbol, onSent?: () => void): Submission {
    if (this.submission !== 'queued') return this.submission;
    this.submitted.push(payload);
    this.senders.push(sender);
    if (onSent) this.unsent.push(onSent);
    return 'queued';
  }
}

/** What Discord's READY has beside `guilds`, in part. */
export const READY = {
  v: 10,
  user: { id: '5', username: 'bot', bot: true },
  session_id: 'discords-own',
  resume_gateway_url: 'wss://gateway.discord.invalid',
  shard: [0, 1],
  application: { id: APPLICATION_ID, flags: 565_248 },
} as const;

export class TestDirectory implements ShardDirectory {
  shardCount: number | undefined;
  stoppedReason: string | undefined;
  shards: TestShard[];
  /** Who holds the shards that this node does not. */
  readonly owners = new Map<number, RelayTarget>();
  readonly expected = new Set<number>();
  readonly #subscribers = new Set<() => void>();

  constructor(shards: TestShard[]) {
    this.shards = shards;
    this.shardCount = shards.length;
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  shard(shardId: number): TestShard | undefined {
    return this.shards[shardId];
  }

  ownerElsewhere(shardId: number): RelayTarget | undefined {
    return this.owners.get(shardId);
  }

  isExpected(shardId: number): boolean {
    return this.expected.has(shardId);
  }

  subscribe(onChange: () => void): Disposable {
    this.#subscribers.add(onChange);
    return { [Symbol.dispose]: () => this.#subscribers.delete(onChange) };
  }

  changed(): void {
    for (const subscriber of [...this.#subscribers]) subscriber();
  }
}

/** Small and unlike each other, so that a test sees which one was at work. */
export const LIMITS = {
  heartbeatIntervalMs: 10_000,
  identifyTimeoutMs: 7_000,
  holdTimeoutMs: 5_000,
  maxUnsentBytes: 64 * 1024,
  maxConnections: 8,
  drainTimeoutMs: 4_000,
};

export interface TestGatewayOptions {
  readonly shards?: number;
  readonly log?: LogBounds;
  readonly tokens?: readonly WorkerToken[];
  readonly limits?: Partial<typeof LIMITS>;
  readonly publicUrl?: string;
  /** Of the one that `shards` are of. */
  readonly applicationId?: string;
  /** Beside the one that `shards` are of. */
  readonly otherApplications?: readonly ServedApplication[];
  readonly peers?: (clock: ManualClock) => Peers;
  /** Leaves the shards without an upstream session. */
  readonly isWaiting?: boolean;
}

export class TestGateway implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly directory: TestDirectory;
  readonly server: GatewayServer;
  /** Every line it logged. */
  readonly lines: string[] = [];
  port = 0;
  readonly #workers: Worker[] = [];
  readonly #token: string;

  constructor(given: TestGatewayOptions) {
    const { shards = 1, log, tokens, limits, publicUrl, isWaiting } = given;
    const { applicationId: id = APPLICATION_ID, otherApplications = [], peers } = given;
    this.directory = new TestDirectory(
      Array.from({ length: shards }, (_, shardId) => new TestShard(shardId, shards, log)),
    );
    if (!isWaiting) for (const shard of this.directory.shards) shard.begin();
    const accounts = tokens ?? [{ name: 'bot', token: SIMULATOR_TOKEN }];
    this.#token = accounts[0]?.token ?? '';
    const line = (fields: object, message: string) => this.lines.push(JSON.stringify({ ...fields, message }));
    const workerLog: WorkerLog = { info: line, warn: line, debug: line };
    const options: GatewayServerOptions = {
      host: '127.0.0.1',
      port: 0,
      publicUrl,
      applications: [{ id, directory: this.directory }, ...otherApplications],
      peers: peers?.(this.clock),
      authenticator: createAuthenticator(accounts),
      sessionKey: sessionKey('a secret of the tests'),
      limits: { ...LIMITS, ...limits },
      readPath: parseShardPath,
      shardPath,
      clock: this.clock,
      log: workerLog,
    };
    this.server = new GatewayServer(options);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The first shard. */
  get shard(): TestShard {
    return this.directory.shards[0] as TestShard;
  }

  get counts() {
    return this.server.counts;
  }

  /** Connected, and HELLO has come. It sends no heartbeats of its own. */
  async connect(options: WorkerOptions = {}): Promise<Worker> {
    const worker = await connectWorker(this.url, { heartbeats: false, ...options });
    this.#workers.push(worker);
    await eventually(() => {
      if (worker.closeCode !== undefined) throw new Error(`closed ${worker.summary}`);
      return worker.payloads.length > 0;
    });
    return worker;
  }

  /** Has had READY. */
  async live(change: Readonly<Record<string, unknown>> = {}): Promise<Worker> {
    const worker = await this.connect();
    worker.identify({ token: this.#token, shard: [0, this.directory.shards.length], ...change });
    await worker.next('READY');
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) worker[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = new TestGateway(options);
  gateway.port = await gateway.server.listen();
  return gateway;
}
