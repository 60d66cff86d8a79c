/** What takes part in a measurement of starts, but for the bot: two simulated Discords, a node at one of them, and its other workers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import { NodePart } from '../deployment/node.ts';
import { freePorts } from '../deployment/ports.ts';
import { SimulatorPart } from '../deployment/simulator.ts';
import { WorkersPart } from '../deployment/workers.ts';

export const SHARDS = 16;
export const GUILD_SIZE = { channels: 30, roles: 20, members: 50 };

export interface Parts {
  /** The node's. */
  readonly simulator: SimulatorPart;
  /** For a bot without a node: a shard has one session at a Discord. */
  readonly direct: SimulatorPart;
  /** Not started. */
  readonly node: NodePart;
  readonly nodeUrl: string;
  /** One process with all shards; not started. */
  readonly workers: WorkersPart;
}

export interface PartsOptions {
  readonly guilds: number;
  readonly profileDirectory: string | null;
  readonly onFailure: (error: Error) => void;
}

/** Whatever was started is stopped with `stack`. The Discords send no events yet. */
export async function startParts(stack: AsyncDisposableStack, options: PartsOptions): Promise<Parts> {
  const { guilds, profileDirectory, onFailure } = options;
  const directory = mkdtempSync(join(tmpdir(), 'shardmux-bench-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const startDiscord = async () => {
    const size = { shards: SHARDS, guilds, eventsPerSecond: 0, guildSize: GUILD_SIZE, identifyIntervalMs: 0 };
    const simulator = await SimulatorPart.start(size, onFailure);
    stack.defer(() => simulator.stop());
    return simulator;
  };
  const [simulator, direct] = [await startDiscord(), await startDiscord()];
  const [port = 0] = await freePorts(1);
  const settings = settingsOf(simulator, directory);
  const logPath = join(directory, 'node.log');
  const node = new NodePart({ name: 'node', port, settings, logPath, profileDirectory, onFailure });
  // A profile is written at the end.
  stack.defer(() => node.stop('SIGTERM'));
  const nodeUrl = `http://127.0.0.1:${port}`;
  const workers = new WorkersPart({
    urls: [nodeUrl],
    token: SIMULATOR_TOKEN,
    intents: ALL_INTENTS,
    workers: 1,
    client: 'plain',
    shards: SHARDS,
    onFailure,
  });
  stack.defer(() => workers.stop('SIGTERM'));
  return { simulator, direct, node, nodeUrl, workers };
}

/** Defaults but for these. No compression: it would cost both ways the same. */
function settingsOf({ url }: SimulatorPart, directory: string): Record<string, string> {
  return {
    SHARDMUX_DISCORD_TOKEN: SIMULATOR_TOKEN,
    SHARDMUX_DISCORD_API_URL: `${url}/api/v10`,
    SHARDMUX_DISCORD_INTENTS: 'ALL',
    SHARDMUX_DISCORD_COMPRESSION: 'none',
    SHARDMUX_WORKERS_HOST: '127.0.0.1',
    SHARDMUX_STATUS_PORT: '0',
    SHARDMUX_TAIL_DIRECTORY: directory,
    SHARDMUX_GUILDS_STATE: 'memory',
  };
}
