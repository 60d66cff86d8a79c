/** Starts the middles. All are told the same way where Discord is, and announce themselves the same way. */
import { fileURLToPath } from 'node:url';
import { BenchProcess } from './processes.ts';
import type { Variant } from './scenarios.ts';

/** Shaped like a bot token, and nobody's. */
export const BOT_TOKEN = 'MTAwMDAwMDAwMDAwMDAwMDAx.bench0.not-a-token-of-anybody-000000000000000';

const LISTENING_TIMEOUT_MS = 20_000;
const MEBIBYTE = 1024 * 1024;

/** Holds warm-up and burst whole, so that no worker falls out of the window. */
const EVENT_LOG_BYTES = 512 * MEBIBYTE;

export interface LaunchOptions {
  readonly variant: Variant;
  readonly discordPort: number;
  readonly temporaryDirectory: string;
  /** Settings of shardmux beside, or in place of, those that all middles get. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where to write a CPU profile of the middle; none without. */
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
  /** A module to load before the middle. */
  readonly preload?: string;
}

export interface Middle extends AsyncDisposable {
  readonly process: BenchProcess;
  readonly workersUrl: string;
  /** Where its metrics are; relay and stock have none. */
  readonly statusUrl: string | null;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const COMMANDS: Readonly<Record<Variant, readonly string[]>> = {
  relay: [here('middles/relay.ts')],
  stock: [here('middles/stock.ts')],
  shardmux: [here('../src/main.ts'), 'gateway'],
};

/** Settings of whoever runs the benchmark must not reach the product: it is measured at its defaults, but for what is said here. */
export const withoutSettings = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDMUX_')));

function settingsOf(options: LaunchOptions): Record<string, string> {
  return {
    SHARDMUX_DISCORD_TOKEN: BOT_TOKEN,
    SHARDMUX_DISCORD_API_URL: `http://127.0.0.1:${options.discordPort}/api/v10`,
    SHARDMUX_DISCORD_COMPRESSION: 'none',
    SHARDMUX_DISCORD_SHARD_COUNT: '1',
    SHARDMUX_WORKERS_HOST: '127.0.0.1',
    SHARDMUX_WORKERS_PORT: '0',
    SHARDMUX_STATUS_PORT: '0',
    SHARDMUX_TAIL_DIRECTORY: options.temporaryDirectory,
    SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD: String(EVENT_LOG_BYTES),
    SHARDMUX_EVENT_LOG_MAX_BYTES: String(EVENT_LOG_BYTES),
    SHARDMUX_LOGGING_LEVEL: 'info',
    ...options.settings,
  };
}

interface Addresses {
  readonly workersUrl: string;
  readonly statusUrl: string | null;
}

function addressesIn(line: string): Addresses | null {
  if (!line.includes('"listening"')) return null;
  const entry = JSON.parse(line) as { readonly msg?: string } & Addresses;
  return entry.msg === 'listening' ? entry : null;
}

export async function launchMiddle(options: LaunchOptions): Promise<Middle> {
  const { onLine, preload } = options;
  const profile = options.profileDirectory
    ? ['--cpu-prof', `--cpu-prof-dir=${options.profileDirectory}`, '--cpu-prof-interval=250']
    : [];
  const started = new BenchProcess({
    name: options.variant,
    arguments: [...profile, ...(preload ? ['--import', preload] : []), ...COMMANDS[options.variant]],
    environment: { ...withoutSettings(), ...settingsOf(options) },
    signal: options.signal,
    ...(onLine && { onLine }),
  });
  try {
    const { workersUrl, statusUrl } = await started.line(
      addressesIn,
      'log line "listening"',
      LISTENING_TIMEOUT_MS,
    );
    const dispose = () => started[Symbol.asyncDispose]();
    return { process: started, workersUrl, statusUrl, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

/** A source or sink process of ours. */
export function launchPeer(
  name: 'source' | 'sink',
  signal: AbortSignal,
  args: readonly string[] = [],
): BenchProcess {
  return new BenchProcess({
    name,
    arguments: [here(`${name}/main.ts`), ...args],
    environment: process.env,
    signal,
  });
}
