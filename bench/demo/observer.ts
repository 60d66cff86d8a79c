/** Looks at all parts at intervals and makes the view of them. What it says about losses is provisional: the verdict is exact. */
import type { SimulatorStats } from '../../src/simulator/index.ts';
import { type Deployment, NODE_NAMES } from '../deployment/deployment.ts';
import { percentile } from '../deployment/gaps.ts';
import type { QuietTimes } from './quiet-times.ts';
import type { PastAct, View } from './table.ts';

/** The truth of a shard is asked for the latest hops; it grows, so asking may take this share of the time. */
const HOP_LOOK_SHARE = 1 / 50;
const HOP_LOOK_LEAST_MS = 1_500;

/** How far back the latest hops go. */
const HOP_WINDOW_US = 5_000_000;

interface Sample {
  readonly at: number;
  readonly dispatched: number;
  readonly delivered: number;
}

/** Rates are over so many looks. */
const SAMPLES_KEPT = 5;

export class Observer {
  readonly #parts: Deployment;
  readonly #quiet: QuietTimes;
  #stats: SimulatorStats | undefined;
  readonly #samples: Sample[] = [];
  /** By shard, the number of the server that HAProxy sends its workers to. */
  #servers: ReadonlyMap<number, number> = new Map();
  #missing = 0;
  #hop: View['hop'] = null;
  #nextHopLookAt = 0;
  #nextHopShard = 0;

  constructor(parts: Deployment, quiet: QuietTimes) {
    this.#parts = parts;
    this.#quiet = quiet;
  }

  /** Asks the simulator, and HAProxy. */
  async look(): Promise<void> {
    const { simulator, haproxies, workers } = this.#parts;
    // Before the question: every RESUMED that a gap stands for is in the answer then.
    const gaps = workers.records.reduce((sum, record) => sum + record.gaps, 0);
    const delivered = workers.records.reduce((sum, record) => sum + record.delivered, 0);
    const stats = await simulator.stats();
    this.#stats = stats;
    this.#missing = Math.max(0, gaps - stats.resumes);
    this.#servers = await haproxies[0].taughtServers().catch(() => this.#servers);
    const at = performance.now();
    this.#samples.push({ at, dispatched: stats.dispatched, delivered });
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
    if (at >= this.#nextHopLookAt) await this.#lookAtHops(stats.shards);
  }

  /** Gaps that Discord's own RESUMEDs, one a RESUME, do not explain; as of the last look. */
  get missing(): number {
    return this.#missing;
  }

  #perSecond(count: (sample: Sample) => number): number {
    const [oldest, newest] = [this.#samples[0], this.#samples.at(-1)];
    if (!oldest || !newest || oldest === newest) return 0;
    return Math.round(((count(newest) - count(oldest)) / (newest.at - oldest.at)) * 1000);
  }

  view(
    told: Pick<View, 'elapsedMs' | 'totalMs' | 'now' | 'counts'> & {
      readonly past: readonly PastAct[];
    },
  ): View {
    const { simulator, redis, haproxies, workers } = this.#parts;
    const { records } = workers;
    const sessions = this.#stats?.sessions ?? [];
    const sum = (count: (record: (typeof records)[number]) => number) =>
      records.reduce((total, record) => total + count(record), 0);
    return {
      ...told,
      discord: {
        pid: simulator.pid,
        shards: records.length,
        guilds: this.#stats?.guilds ?? 0,
        identifies: this.#stats?.identifies ?? 0,
        violations: this.#stats?.violationCount ?? 0,
        perSecond: this.#perSecond((sample) => sample.dispatched),
        connected: sessions.filter((session) => session?.connected).length,
      },
      nodes: this.#nodes(),
      redis: { pid: redis.pid },
      haproxy: { pid: haproxies[0].pid, url: haproxies[0].url },
      workers: {
        pids: workers.pids,
        count: workers.count,
        connected: workers.connected,
        perSecond: this.#perSecond((sample) => sample.delivered),
      },
      delivered: sum((record) => record.delivered),
      behind: sessions.reduce(
        (total, session, shard) =>
          total + Math.max(0, (session?.sequence ?? 0) - (records[shard]?.head ?? 0)),
        0,
      ),
      missing: this.missing,
      duplicated: sum((record) => record.duplicated),
      reordered: sum((record) => record.reordered),
      hop: this.#hop,
    };
  }

  #nodes(): View['nodes'] {
    const servers = [...this.#servers.values()];
    return NODE_NAMES.map((name, index) => ({
      name,
      pid: this.#parts.nodes.get(name)?.pid,
      // In haproxy.cfg the ids of the servers begin at 1.
      shards: servers.filter((server) => server === index + 1).length,
    }));
  }

  /** Of one shard after the other. */
  async #lookAtHops(shards: number): Promise<void> {
    const startedAt = performance.now();
    const shard = this.#nextHopShard;
    this.#nextHopShard = (shard + 1) % shards;
    const { simulator, workers } = this.#parts;
    const record = workers.records[shard];
    if (!record || record.length === 0) return;
    const truth = await simulator.truth(shard);
    const sent = new Map(
      truth.sessions.at(-1)?.dispatches.map(({ s, sentAtUs }) => [s, sentAtUs - simulator.clockOffsetUs]),
    );
    const hopsUs: number[] = [];
    const newestUs = record.timesUs[record.length - 1] ?? 0;
    for (let index = record.length - 1; index >= 0; index -= 1) {
      const receivedUs = record.timesUs[index] ?? 0;
      if (receivedUs < newestUs - HOP_WINDOW_US) break;
      const sentUs = sent.get(record.sequences[index] ?? 0);
      if (sentUs !== undefined && this.#quiet.includes(sentUs)) hopsUs.push(receivedUs - sentUs);
    }
    hopsUs.sort((a, b) => a - b);
    if (hopsUs.length > 0) this.#hop = { p50Us: percentile(hopsUs, 0.5), p99Us: percentile(hopsUs, 0.99) };
    const now = performance.now();
    this.#nextHopLookAt = now + Math.max(HOP_LOOK_LEAST_MS, (now - startedAt) / HOP_LOOK_SHARE);
  }
}
