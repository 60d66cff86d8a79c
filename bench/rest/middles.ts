/** Starts what is measured: the pass-through and `shardmux rest`, each its own process, told the same of where Discord is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BOT_TOKEN, withoutSettings } from '../launch.ts';
import { BenchProcess } from '../processes.ts';
import type { Target } from './messages.ts';

export const MIDDLES = ['pass-through', 'shardmux'] as const;
export type MiddleName = (typeof MIDDLES)[number];

/** Applications with the limit below: more requests in all than a core can pass on, and no limit in their way. */
const APPLICATIONS = 4;
const GLOBAL_LIMIT = 10_000;

const LISTENING_TIMEOUT_MS = 20_000;

export interface RestMiddle extends AsyncDisposable {
  readonly name: MiddleName;
  readonly process: BenchProcess;
  readonly target: Target;
}

export interface StartMiddleOptions {
  readonly apiPort: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const COMMANDS: Readonly<Record<MiddleName, readonly string[]>> = {
  'pass-through': [here('pass-through.ts')],
  shardmux: [here('../../src/main.ts'), 'rest'],
};

const workerToken = (at: number) => `worker-token-of-application-${at}`;

function configuration(directory: string, apiPort: number): string {
  const applications = Array.from({ length: APPLICATIONS }, (_, at) => ({
    id: String(1_000_000_000_000_000_001n + BigInt(at)),
    token: `${BOT_TOKEN}${at}`,
  }));
  const tokens = applications.map(({ id }, at) => ({
    name: `worker-${at}`,
    token: workerToken(at),
    application: id,
  }));
  return JSON.stringify({
    discord: { apiUrl: `http://127.0.0.1:${apiPort}/api/v10`, shardCount: 1 },
    applications,
    workers: { tokens },
    status: { host: '127.0.0.1' },
    rest: { host: '127.0.0.1', port: 0, statusPort: 0, stateDirectory: directory, globalLimit: GLOBAL_LIMIT },
  });
}

export async function startMiddle(
  name: MiddleName,
  { apiPort, profileDirectory, signal }: StartMiddleOptions,
): Promise<RestMiddle> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'shardmux-bench-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'shardmux.yaml');
  // JSON is YAML.
  writeFileSync(file, configuration(directory, apiPort));
  const settings =
    name === 'shardmux'
      ? { SHARDMUX_CONFIG: file }
      : {
          SHARDMUX_DISCORD_TOKEN: `${BOT_TOKEN}0`,
          SHARDMUX_DISCORD_API_URL: `http://127.0.0.1:${apiPort}/api/v10`,
        };
  const profile = profileDirectory
    ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, '--cpu-prof-interval=250']
    : [];
  const started = stack.use(
    new BenchProcess({
      name,
      arguments: [...profile, ...COMMANDS[name]],
      environment: { ...withoutSettings(), ...settings },
      signal,
    }),
  );
  const port = await started.line(portIn, 'log line "listening"', LISTENING_TIMEOUT_MS);
  const kept = stack.move();
  return {
    name,
    process: started,
    target: { port, tokens: Array.from({ length: APPLICATIONS }, (_, at) => workerToken(at)) },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Straight to the API. */
export function directTarget(port: number): Target {
  return { port, tokens: [BOT_TOKEN] };
}

/** Both announce themselves in one line. */
function portIn(line: string): number | null {
  if (!line.includes('"listening"')) return null;
  const { restUrl, workersUrl } = JSON.parse(line) as { restUrl?: string; workersUrl?: string };
  const url = restUrl ?? workersUrl;
  return url === undefined ? null : Number(new URL(url).port);
}
