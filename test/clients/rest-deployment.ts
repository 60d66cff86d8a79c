/**
 * What a client is run against that has all of Discord at shardmux: a node and `shardmux rest`
 * behind one HAProxy, and no bot token.
 */
import type { RestOptions, Simulator } from '../../src/simulator/index.ts';
import { lastingPorts } from '../support/ports.ts';
import { type RestProcess, startRest } from '../support/rest-node.ts';
import { type Deployment, startDeployment } from './deployment.ts';

const WORKER_TOKEN = 'worker-token-of-the-client-0123456789abcdef';
const OTHER_TOKEN = 'worker-token-of-another-0123456789abcdef0123';

/** Requests may wait so long here, unless they say otherwise. */
const DEADLINE_MS = 3_000;
/** So often a channel can be changed, before it can't be for longer than that. */
export const CHANGES = 2;
const CHANGE_WINDOW_MS = 4_000;

const GUILDS = 30;
const SIZE = { channels: 6, roles: 4, members: 120 };

export class RestDeployment implements AsyncDisposable {
  readonly simulator: Simulator;
  readonly rest: RestProcess;
  readonly #deployment: Deployment;

  constructor(deployment: Deployment, rest: RestProcess) {
    this.simulator = deployment.simulator;
    this.rest = rest;
    this.#deployment = deployment;
  }

  /** HAProxy, for the API and the gateway. */
  get url(): string {
    return this.#deployment.url;
  }

  get api(): string {
    return `${this.url}/api`;
  }

  get token(): string {
    return WORKER_TOKEN;
  }

  /** A text channel of a guild of its own. */
  channel(at: number): string {
    const id = this.simulator.rest.channelIds(0)[at];
    if (id === undefined) throw new Error(`shard 0 has no guild ${at}`);
    return id;
  }

  /** What another worker asks, which waits for its turn as long as it takes. */
  async asAnother(
    method: string,
    path: string,
    { body, at = this.url }: { body?: object; at?: string } = {},
  ): Promise<Response> {
    return fetch(`${at}/api/v10${path}`, {
      method,
      headers: {
        authorization: `Bot ${OTHER_TOKEN}`,
        'x-shardmux-deadline-ms': '60000',
        'user-agent': 'another',
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rest[Symbol.asyncDispose]();
    await this.#deployment[Symbol.asyncDispose]();
  }
}

/** Resolves when the node has all guilds. */
export async function startRestDeployment(): Promise<RestDeployment> {
  const env = { SHARDMUX_WORKERS_TOKENS: `client:${WORKER_TOKEN},other:${OTHER_TOKEN}` };
  const buckets: RestOptions['buckets'] = {
    // As tight as Discord's, and quicker over.
    'create-message': { limit: 5, windowMs: 300 },
    'edit-message': { limit: 5, windowMs: 500 },
    'read-messages': { limit: 5, windowMs: 500 },
    'list-members': { limit: 5, windowMs: 500 },
    'change-channel': { kind: 'fixed', limit: CHANGES, windowMs: CHANGE_WINDOW_MS },
  };
  const [port] = await lastingPorts(1);
  const deployment = await startDeployment(
    { guilds: GUILDS, guildSize: SIZE, rest: { buckets } },
    { env, restNodes: [`127.0.0.1:${port}`] },
  );
  try {
    const rest = await startRest({
      discord: deployment.simulator,
      env: {
        ...env,
        SHARDMUX_REST_PORT: String(port),
        SHARDMUX_WORKERS_PUBLIC_URL: deployment.url.replace('http:', 'ws:'),
        SHARDMUX_DISCORD_SHARD_COUNT: String(deployment.simulator.options.shards),
        SHARDMUX_REST_DEADLINE_MS: `${DEADLINE_MS}ms`,
      },
    });
    return new RestDeployment(deployment, rest);
  } catch (error) {
    await deployment[Symbol.asyncDispose]();
    throw error;
  }
}
