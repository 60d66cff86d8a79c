/** Guilds of a shard for a session that begins, as a test has made them up. */
import type { GuildReading, GuildSnapshot } from '../../../src/workers/index.ts';
import type { Worker } from '../../support/worker.ts';
import type { TestGateway, TestShard } from './shards.ts';

export interface TestGuild {
  readonly id: string;
  readonly t: GuildSnapshot['t'];
  /** JSON text. */
  readonly d: string;
}

export function guild(id: number | string, fill = ''): TestGuild {
  const d = JSON.stringify({ id: String(id), unavailable: false, fill });
  return { id: String(id), t: 'GUILD_CREATE', d };
}

export function unavailableGuild(id: number | string): TestGuild {
  return { id: String(id), t: 'GUILD_DELETE', d: `{"id":"${id}","unavailable":true}` };
}

export function guilds(count: number, fill = ''): TestGuild[] {
  return Array.from({ length: count }, (_, index) => guild(1_000 + index, fill));
}

export class TestReading implements GuildReading {
  readonly sequence: number;
  readonly guildIds: readonly string[];
  readonly #guilds: readonly TestGuild[];
  readonly #onNext: (given: number) => void;
  /** How many it has been asked for, the end not counted. */
  given = 0;
  disposals = 0;
  readsAfterEnd = 0;

  constructor(sequence: number, content: readonly TestGuild[], onNext: (given: number) => void = () => {}) {
    this.sequence = sequence;
    this.guildIds = content.map(({ id }) => id);
    this.#guilds = content;
    this.#onNext = onNext;
  }

  get count(): number {
    return this.#guilds.length;
  }

  next(): GuildSnapshot | undefined {
    if (this.disposals > 0) this.readsAfterEnd++;
    const found = this.#guilds[this.given];
    if (!found) return undefined;
    this.given++;
    this.#onNext(this.given);
    return { t: found.t, d: Buffer.from(found.d) };
  }

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

/** The readings that a shard gives from now on, each as of its log's head. */
export function keepGuilds(
  shard: TestShard,
  content: readonly TestGuild[],
  onNext?: (given: number, reading: number) => void,
): TestReading[] {
  const readings: TestReading[] = [];
  shard.takeReading = () => {
    const index = readings.length;
    const reading = new TestReading(shard.log.head, content, (given) => onNext?.(given, index));
    readings.push(reading);
    return reading;
  };
  return readings;
}

export function snapshotTexts(content: readonly TestGuild[], firstSequence: number): string[] {
  return content.map(({ t, d }, index) => `{"t":"${t}","s":${firstSequence + index},"op":0,"d":${d}}`);
}

/** Dispatches without READY and RESUMED. */
export function textsOf(worker: Worker): string[] {
  return worker.dispatches.filter(({ t }) => t !== 'READY' && t !== 'RESUMED').map(({ text }) => text);
}

export function stateKinds(gateway: TestGateway): string[] {
  return [...gateway.server.connections].map(({ stateKind }) => stateKind);
}
