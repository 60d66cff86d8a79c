/** A real `shardmux rest` process on ports of the system's choice. Started when it listens. */
import { spawn } from 'node:child_process';
import { type NodeOptions, NodeProcess, stateDirectory } from './node.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

export class RestProcess extends NodeProcess {
  /** `http://host:port` */
  get restUrl(): string {
    return String(this.logs().find(({ msg }) => msg === 'listening')?.['restUrl']);
  }

  get restPort(): number {
    return Number(new URL(this.restUrl).port);
  }
}

export async function startRest({ discord, directory, env }: NodeOptions): Promise<RestProcess> {
  const own = directory === undefined ? stateDirectory() : undefined;
  const child = spawn(process.execPath, [MAIN, 'rest'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      // A file of settings has tokens of its own.
      ...(env?.['SHARDMUX_CONFIG'] === undefined && env?.['SHARDMUX_DISCORD_TOKEN_FILE'] === undefined
        ? { SHARDMUX_DISCORD_TOKEN: discord.options.token }
        : {}),
      SHARDMUX_DISCORD_API_URL: `${discord.url}/api/v10`,
      SHARDMUX_DISCORD_SHARD_COUNT: '1',
      SHARDMUX_REST_HOST: '127.0.0.1',
      SHARDMUX_REST_PORT: '0',
      SHARDMUX_REST_STATUS_PORT: '0',
      SHARDMUX_REST_STATE_DIRECTORY: own?.path ?? directory ?? '',
      ...env,
    },
  });
  const node = new RestProcess(child, own);
  try {
    await node.listening();
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}
