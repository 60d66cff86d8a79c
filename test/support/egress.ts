/** The real HAProxy with the real haproxy/egress.cfg, before a simulator that has a certificate of Discord's names. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Simulator, SimulatorOptions } from '../../src/simulator/index.ts';
import { smallSimulator } from '../integration/simulator/peer.ts';
import { eventually } from './eventually.ts';
import { type Haproxy, startHaproxy } from './haproxy.ts';
import { makeCertificates } from './redis-certificates.ts';

const CONFIG_PATH = fileURLToPath(new URL('../../haproxy/egress.cfg', import.meta.url));

/** Of the certificate. */
const DISCORD_NAMES = ['discord.com', 'canary.discord.com'];

export interface EgressOptions {
  readonly simulator?: Partial<SimulatorOptions>;
  /** Other names than Discord's for the certificate. */
  readonly names?: readonly string[];
  /** What HAProxy knows the simulator by; left out, by its address. */
  readonly name?: string;
  /** Variables of egress.cfg. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class Egress implements AsyncDisposable {
  readonly simulator: Simulator;
  readonly haproxy: Haproxy;
  /** Who signed the simulator's certificate. */
  readonly caPath: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(simulator: Simulator, haproxy: Haproxy, caPath: string, stack: AsyncDisposableStack) {
    this.caPath = caPath;
    this.simulator = simulator;
    this.haproxy = haproxy;
    this.#stack = stack;
  }

  static async start({ simulator: options, names, name, environment }: EgressOptions = {}): Promise<Egress> {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'shardmux-egress-'));
    stack.defer(() => rm(directory, { recursive: true }));
    const { key, cert } = await makeCertificates(directory, names ?? DISCORD_NAMES);
    const caPath = join(directory, 'ca.pem');
    const simulator = stack.use(await smallSimulator({ tls: { key, cert }, ...options }));
    const { hostname, port } = new URL(simulator.url);
    const haproxy = stack.use(
      await startHaproxy({
        configPath: CONFIG_PATH,
        environment: {
          HAPROXY_EGRESS_ADDRESS: `${name ?? hostname}:${port}`,
          HAPROXY_EGRESS_CA: caPath,
          ...environment,
        },
      }),
    );
    return new Egress(simulator, haproxy, caPath, stack.move());
  }

  get port(): number {
    return Number(new URL(this.haproxy.restUrl).port);
  }

  /** What a node needs to send its requests here. */
  get nodeEnvironment(): Record<string, string> {
    return {
      SHARDMUX_DISCORD_API_URL: 'https://discord.com/api/v10',
      SHARDMUX_DISCORD_EGRESS_URL: this.haproxy.restUrl,
    };
  }

  /** Resolves once the health checks have found the simulator to be unfit. */
  async cutOff(): Promise<void> {
    await eventually(
      async () => (await fetch(`${this.haproxy.observabilityUrl}/healthz`)).status === 503,
      10_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}
