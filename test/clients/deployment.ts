/** What a client is run against: a node alone behind HAProxy, as in haproxy/README.md, with a simulated Discord whose guilds have a state. */
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';
import { eventually } from '../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { type NodeProcess, type StateDirectory, spawnNode, stateDirectory } from '../support/node.ts';
import { lastingPorts } from '../support/ports.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

export const SHARDS = 2;
const GUILDS = 40;
/** A typical guild; all its members are in its GUILD_CREATE. */
export const TYPICAL_SIZE = { channels: 30, roles: 20, members: 50 };

/** Generous: processes start side by side on two cores. */
export const SETTLE_DEADLINE_MS = 30_000;

export interface DeploymentExtras {
  /** Settings of the node. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where REST nodes will be: `host:port`. */
  readonly restNodes?: readonly string[];
}

/** Resolves when the node has all guilds. */
export async function startDeployment(
  options: Partial<SimulatorOptions> = {},
  { env = {}, restNodes = [] }: DeploymentExtras = {},
): Promise<Deployment> {
  await using stack = new AsyncDisposableStack();
  const defaults = { shards: SHARDS, guilds: GUILDS, guildState: true, guildSize: TYPICAL_SIZE };
  const simulator = stack.use(
    await startSimulator({ ...defaults, eventsPerSecond: 0, maxConcurrency: SHARDS, ...options }),
  );
  const [port = 0] = await lastingPorts(1);
  const haproxy = stack.use(await startHaproxy({ nodeHost: '127.0.0.1', nodePort: port, restNodes }));
  const { hostname: host, port: listening } = new URL(haproxy.workersUrl);
  const front = stack.use(await startTcpProxy({ host, port: Number(listening) }));
  const directory = stack.use(stateDirectory());
  const deployment = stack.use(new Deployment({ simulator, haproxy, front, directory, port, env }));
  await deployment.start();
  await deployment.hasGuilds();
  deployment.adopt(stack.move());
  return deployment;
}

interface Parts {
  readonly simulator: Simulator;
  readonly haproxy: Haproxy;
  readonly front: TcpProxy;
  readonly directory: StateDirectory;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

export class Deployment implements AsyncDisposable {
  readonly simulator: Simulator;
  /** Between workers and HAProxy, so that their connections can be cut. */
  readonly front: TcpProxy;
  readonly #parts: Parts;
  #node: NodeProcess | undefined;
  #resources: AsyncDisposable | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.simulator = parts.simulator;
    this.front = parts.front;
  }

  get node(): NodeProcess {
    if (!this.#node) throw new Error('no node was started');
    return this.#node;
  }

  /** Where workers find shardmux: `http://host:port`. */
  get url(): string {
    return `http://${this.front.host}:${this.front.port}`;
  }

  /** Where they find the REST API: at the simulator itself. */
  get api(): string {
    return `${this.simulator.url}/api`;
  }

  get token(): string {
    return this.simulator.options.token;
  }

  /** A node on the address and the directory of the one before. */
  async start(): Promise<void> {
    const { simulator, haproxy, directory, port, env } = this.#parts;
    this.#node = spawnNode({
      discord: simulator,
      directory: directory.path,
      env: {
        SHARDMUX_WORKERS_PORT: String(port),
        SHARDMUX_GUILDS_STATE: 'memory',
        SHARDMUX_HAPROXY_SOCKETS: haproxy.socketPath,
        SHARDMUX_HAPROXY_SERVER_NAME: 'node-a',
        ...env,
      },
    });
    await this.#node.listening();
    await this.#node.ready(SETTLE_DEADLINE_MS);
  }

  /** Resolves when the node has all guilds that there are at first. */
  async hasGuilds(): Promise<void> {
    await eventually(
      () => this.simulator.stats().sessions.every((session) => session?.pendingGuilds === 0),
      SETTLE_DEADLINE_MS,
    );
    await eventually(
      async () => (await this.node.metric('shardmux_guilds_unknown')) === 0,
      SETTLE_DEADLINE_MS,
    );
  }

  /** Ends the node, gracefully or not; another one comes at once. */
  async restart(how: 'stop' | 'kill'): Promise<void> {
    await this.node[how]();
    await this.start();
  }

  /** What ends with it. */
  adopt(resources: AsyncDisposable): void {
    this.#resources = resources;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const resources = this.#resources;
    this.#resources = undefined;
    // Owns this one too, which then finds nothing left to do but its node.
    await resources?.[Symbol.asyncDispose]();
    await this.#node?.[Symbol.asyncDispose]();
  }
}
