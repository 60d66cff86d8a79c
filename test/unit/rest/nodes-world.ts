/**
 * Several nodes that share an application's limits, a strict server, callers that always want more, and what spreads their requests over
 * the nodes, in simulated time. Nodes come, leave, are killed and hang.
 */
import { SharedLimits } from '../../../src/commands/rest/shared-limits.ts';
import {
  type Admission,
  DEFAULT_LIMITER_LIMITS,
  Egress,
  RestLimiter,
  type ShareReply,
  type ShareRequest,
  type ShareScope,
} from '../../../src/rest/index.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { MemoryShareStore } from '../../support/memory-share-store.ts';
import { EventClock } from './event-clock.ts';
import { type ServerRule, StrictServer } from './strict-server.ts';
import { type Demand, EASY, mulberry } from './world.ts';

export interface NodesWorldOptions {
  readonly rules: Readonly<Record<string, ServerRule>>;
  readonly globalLimit: number;
  /** Each way, to Discord. */
  readonly latencyMs: readonly [least: number, most: number];
  readonly seed: number;
  /** Each way, to the store. */
  readonly storeLatencyMs?: readonly [least: number, most: number];
}

const STORE_LATENCY_MS = [0.2, 3] as const;
/** How long a node waits for the store. */
const STORE_TIMEOUT_MS = 1_000;
/** Until a call is refused while there is no store. */
const REFUSED_MS = 1;
/** How long after it died a node still gets requests, which fail. */
const NOTICED_MS = 50;
const SILENT = { info: () => undefined, error: () => undefined };

/** The clock of a process: a killed one's timers never run, a hung one's when it goes on. */
class ProcessClock implements Clock {
  readonly #clock: Clock;
  isDead = false;
  hangsUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimer(run: () => void, delayMs: number): Disposable {
    let timer: Disposable | undefined;
    const arm = (ms: number): void => {
      timer = this.#clock.setTimer(() => {
        if (this.isDead) return;
        const leftMs = this.hangsUntilMs - this.now();
        if (leftMs > 0) arm(leftMs);
        else run();
      }, ms);
    };
    arm(delayMs);
    return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
  }
}

class SimulatedNode {
  readonly name: number;
  readonly clock: ProcessClock;
  readonly limiter: RestLimiter;
  readonly shared: SharedLimits;
  isListed = true;

  constructor(name: number, world: NodesWorld) {
    this.name = name;
    this.clock = new ProcessClock(world.clock);
    const store = { exchange: (...call: [ShareScope, ShareRequest]) => world.exchange(this, ...call) };
    this.shared = new SharedLimits({
      config: {
        applications: [{ id: '1' }],
        rest: { globalLimit: world.options.globalLimit, egressName: 'default' },
      },
      store,
      incarnation: `process-${name}`,
      clock: this.clock,
      log: SILENT,
    });
    const shares = this.shared.application('1');
    this.limiter = new RestLimiter({
      clock: this.clock,
      applicationId: '1',
      tokenId: 'token 1',
      budget: shares.budget,
      addressBudget: this.shared.address.budget,
      leases: shares.majors,
      egress: new Egress(EASY, () => undefined),
      limits: DEFAULT_LIMITER_LIMITS,
      onTokenLocked: () => undefined,
    });
    shares.limiter = this.limiter;
  }
}

export class NodesWorld {
  readonly options: NodesWorldOptions;
  readonly clock = new EventClock(1_700_000_000_000);
  readonly server: StrictServer;
  readonly random: () => number;
  readonly store: MemoryShareStore;
  readonly nodes: SimulatedNode[] = [];
  readonly refused: string[] = [];
  /** The part of exchanges whose reply never comes. */
  lostReplies = 0;
  #names = 0;

  constructor(options: NodesWorldOptions) {
    this.options = options;
    this.server = new StrictServer((route) => options.rules[route], options.globalLimit);
    this.random = mulberry(options.seed);
    this.store = new MemoryShareStore(() => this.clock.now());
  }

  async exchange(node: SimulatedNode, ...call: [ShareScope, ShareRequest]): Promise<ShareReply> {
    return Promise.race([this.#exchange(node, ...call), this.#timeout(node)]);
  }

  async #exchange(node: SimulatedNode, ...call: [ShareScope, ShareRequest]): Promise<ShareReply> {
    const latencyMs = this.options.storeLatencyMs ?? STORE_LATENCY_MS;
    if (this.store.isAway) await this.#later(REFUSED_MS);
    else await this.#later(this.#between(latencyMs));
    if (node.clock.isDead) return new Promise(() => undefined);
    const reply = await this.store.exchange(...call);
    await this.#later(this.#between(latencyMs));
    // Whatever comes back while it hangs is read later, after timers that are due have run.
    await this.#hang(node);
    if (this.random() < this.lostReplies) throw new Error('the connection was lost');
    return reply;
  }

  async #timeout(node: SimulatedNode): Promise<never> {
    await new Promise<void>((resolve) => node.clock.setTimer(resolve, STORE_TIMEOUT_MS));
    throw new Error('no answer');
  }

  async #hang(node: SimulatedNode): Promise<void> {
    const hungMs = node.clock.hangsUntilMs - this.clock.now();
    if (hungMs > 0) await this.#later(hungMs + 0.1);
    if (node.clock.isDead) return new Promise(() => undefined);
  }

  startNode(): SimulatedNode {
    const node = new SimulatedNode(this.#names++, this);
    this.nodes.push(node);
    void node.shared.start(node.clock, new AbortController().signal);
    return node;
  }

  kill(node: SimulatedNode): void {
    node.clock.isDead = true;
    this.clock.setTimer(() => this.#unlist(node), NOTICED_MS);
  }

  hang(node: SimulatedNode, forMs: number): void {
    node.clock.hangsUntilMs = this.clock.now() + forMs;
  }

  /** As a process does that is told to end: no new requests, what waits is sent, then it leaves. */
  async leave(node: SimulatedNode): Promise<void> {
    this.#unlist(node);
    while (node.limiter.readings().queued + node.limiter.readings().inFlight > 0) await this.#later(100);
    await node.shared[Symbol.asyncDispose]();
    node.clock.isDead = true;
  }

  start(demands: readonly Demand[]): void {
    for (const demand of demands) {
      for (const major of demand.majors) {
        for (let one = 0; one < demand.outstanding; one++) void this.#keepAsking(demand, major);
      }
    }
  }

  async #keepAsking(demand: Demand, major: string): Promise<void> {
    for (;;) await this.#ask(demand, major);
  }

  async #ask(demand: Demand, major: string): Promise<void> {
    const node = this.#nodeOf(major);
    if (!node || node.clock.isDead) return this.#later(NOTICED_MS);
    if (node.clock.hangsUntilMs > this.clock.now()) return this.#later(NOTICED_MS);
    const given = node.limiter.submit({
      method: demand.method,
      target: `/api/v10${demand.path.replace('%', major)}`,
      account: `account ${Math.floor(this.random() * 20)}`,
      deadlineMs: 600_000,
      bytes: 100,
    });
    // Whoever waited at a node that is killed asks another.
    const submission = await Promise.race([given, this.#deathOf(node)]);
    if (submission === 'dead') return;
    if (submission.kind === 'admitted') return this.#send(node, submission, demand.route, major);
    this.refused.push(submission.reason);
    return this.#later(1_000);
  }

  async #send(node: SimulatedNode, admission: Admission, route: string, major: string): Promise<void> {
    await this.#later(this.#between(this.options.latencyMs));
    const answer = this.server.arrive(route, major, this.clock.now());
    await this.#later(this.#between(this.options.latencyMs));
    const hungMs = node.clock.hangsUntilMs - this.clock.now();
    if (hungMs > 0) await this.#later(hungMs);
    if (node.clock.isDead) return;
    if (admission.done(answer).kind === 'deliver') return;
    const next = await admission.again();
    if (next.kind === 'admitted') await this.#send(node, next, route, major);
  }

  async #deathOf(node: SimulatedNode): Promise<'dead'> {
    while (!node.clock.isDead) await this.#later(1_000);
    return 'dead';
  }

  /** Rendezvous: few majors change nodes when those come and go. */
  #nodeOf(major: string): SimulatedNode | undefined {
    let best: SimulatedNode | undefined;
    let most = -1;
    for (const node of this.nodes) {
      if (!node.isListed) continue;
      const weight = mulberry(Number(major) * 1_000 + node.name)();
      if (weight > most) [best, most] = [node, weight];
    }
    return best;
  }

  #unlist(node: SimulatedNode): void {
    node.isListed = false;
    const at = this.nodes.indexOf(node);
    if (at >= 0) this.nodes.splice(at, 1);
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.random() * (most - least);
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimer(resolve, ms));
  }
}
