/** The simulated Discord: its process, and its control routes. */
import { fileURLToPath } from 'node:url';
import type {
  Fault,
  ShardTruth,
  ShardTruthState,
  SimulatorOptions,
  SimulatorStats,
} from '../../src/simulator/index.ts';
import { Child, environmentWith } from './child.ts';

const LISTENING_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 30_000;

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
export const PRELOAD = new URL('./preload.ts', import.meta.url).href;

export interface SimulatorSize {
  readonly shards: number;
  readonly guilds: number;
  readonly eventsPerSecond: number;
  /** Guilds have a true state then, which begins with so much. */
  readonly guildSize?: SimulatorOptions['guildSize'];
  /** Discord's own where left out. */
  readonly identifyIntervalMs?: number;
  /** Of its REST API. */
  readonly rest?: { readonly globalLimit: number; readonly latencyMs: number; readonly jitterMs: number };
}

export class SimulatorPart {
  readonly url: string;
  /** What its times are ahead of the monotonic clock. */
  readonly clockOffsetUs: number;
  readonly #child: Child;

  static async start(size: SimulatorSize, onFailure: (error: Error) => void): Promise<SimulatorPart> {
    const child = new Child({
      name: 'the simulated Discord',
      command: process.execPath,
      args: ['--import', PRELOAD, MAIN, 'simulate', ...flagsOf(size)],
      environment: environmentWith({}),
      onFailure,
    });
    const clock = await child.line(fieldOf('clock', 'epochMinusMonotonicUs'), 'clock', LISTENING_TIMEOUT_MS);
    const url = await child.line(fieldOf('simulator listening', 'url'), 'listening', LISTENING_TIMEOUT_MS);
    return new SimulatorPart(child, String(url), Number(clock));
  }

  private constructor(child: Child, url: string, clockOffsetUs: number) {
    this.#child = child;
    this.url = url;
    this.clockOffsetUs = clockOffsetUs;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async stats(): Promise<SimulatorStats> {
    return (await this.#ask('/simulator/stats')) as SimulatorStats;
  }

  async truth(shard: number): Promise<ShardTruth> {
    return (await this.#ask(`/simulator/truth?shard=${shard}`)) as ShardTruth;
  }

  /** With `guildSize`: by id, as GUILD_CREATE or GUILD_DELETE would tell them now. */
  async guilds(shard: number): Promise<ShardTruthState['guilds']> {
    return ((await this.#ask(`/simulator/state?shard=${shard}`)) as ShardTruthState).guilds;
  }

  /** A text channel of every guild. */
  async channels(shard: number): Promise<string[]> {
    return (await this.#ask(`/simulator/rest/channels?shard=${shard}`)) as string[];
  }

  async setRate(eventsPerSecond: number): Promise<void> {
    await this.#ask('/simulator/rate', { method: 'POST', body: JSON.stringify({ eventsPerSecond }) });
  }

  async inject(fault: Fault): Promise<void> {
    await this.#ask('/simulator/inject', { method: 'POST', body: JSON.stringify(fault) });
  }

  async stop(): Promise<void> {
    await this.#child.end('SIGTERM');
  }

  async #ask(path: string, request: RequestInit = {}): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      ...request,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the simulated Discord answered ${path} with ${response.status}`);
    return response.json();
  }
}

function flagsOf({
  shards,
  guilds,
  eventsPerSecond,
  guildSize,
  identifyIntervalMs,
  rest,
}: SimulatorSize): string[] {
  const { channels, roles, members } = guildSize ?? {};
  const flags = {
    shards,
    guilds,
    'events-per-second': eventsPerSecond,
    'max-concurrency': shards,
    'identify-interval': identifyIntervalMs,
    'rest-global-limit': rest?.globalLimit,
    'rest-latency': rest?.latencyMs,
    'rest-jitter': rest?.jitterMs,
    'guild-size': guildSize && `${channels},${roles},${members}`,
  };
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return [...given.map(([flag, value]) => `--${flag}=${value}`), ...(guildSize ? ['--guild-state'] : [])];
}

/** Reads a field out of the log line with that message. */
export function fieldOf(message: string, field: string): (line: string) => unknown {
  return (line) => {
    if (!line.startsWith('{') || !line.includes(`"${message}"`)) return undefined;
    const entry = JSON.parse(line) as Record<string, unknown>;
    return entry['msg'] === message ? entry[field] : undefined;
  };
}
