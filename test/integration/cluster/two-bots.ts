/** Two bots, each with a Discord of its own, in one deployment that is configured by a YAML file. Not a test itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SIMULATOR_TOKEN, type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { NodeProcess } from '../../support/node.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

export interface Bot {
  readonly id: string;
  readonly token: string;
  readonly shards: number;
  readonly discord: Simulator;
}

export interface TwoBots extends AsyncDisposable {
  readonly first: Bot;
  readonly second: Bot;
  /** A node of both; `more` is YAML of other sections. */
  start(env: Readonly<Record<string, string>>, more?: string): NodeProcess;
}

/** The first has two shards, the second three. */
export async function startTwoBots(): Promise<TwoBots> {
  await using stack = new AsyncDisposableStack();
  const first = await startBot(stack, '100000000000000000', SIMULATOR_TOKEN, 2);
  const second = await startBot(
    stack,
    '200000000000000000',
    `${btoa('200000000000000000')}.sim.of-the-second`,
    3,
  );
  const directory = mkdtempSync(join(tmpdir(), 'shardmux-bots-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const started = stack.move();
  return {
    first,
    second,
    start: (env, more = '') => {
      const path = join(directory, `node-${Math.random().toString(36).slice(2)}.yaml`);
      writeFileSync(path, `${configuration([first, second])}${more}`);
      return started.use(startNode(path, { SHARDMUX_TAIL_DIRECTORY: join(directory, 'state'), ...env }));
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

async function startBot(
  stack: AsyncDisposableStack,
  id: string,
  token: string,
  shards: number,
): Promise<Bot> {
  const options = { shards, guilds: shards, eventsPerSecond: 0, maxConcurrency: shards, token };
  return { id, token, shards, discord: stack.use(await startSimulator(options)) };
}

function configuration(bots: readonly Bot[]): string {
  const entries = bots.map(
    ({ token, discord }) => `  - token: ${token}\n    apiUrl: ${discord.url}/api/v10\n`,
  );
  return `discord:\n  intents: ALL\napplications:\n${entries.join('')}`;
}

/** Without a bot in the environment: with `applications` there must be none. */
function startNode(configPath: string, env: Readonly<Record<string, string>>): NodeProcess {
  const child = spawn(process.execPath, [MAIN, 'gateway', '--config', configPath], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      SHARDMUX_WORKERS_HOST: '127.0.0.1',
      SHARDMUX_WORKERS_PORT: '0',
      SHARDMUX_STATUS_PORT: '0',
      ...env,
    },
  });
  return new NodeProcess(child, undefined);
}

/** A port that was free a moment ago, below those that the system gives to outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    await once(server.close(), 'close');
    return port;
  }
}
