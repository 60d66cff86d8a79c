/** compose.yaml, as far as that can be told without a container engine. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type GatewayConfig, loadConfig } from '../../src/config/index.ts';

const readText = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Service {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  readonly command?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly volumes: object;
}

const text = readText('compose.yaml');

/** What a user puts into .env, by the names in compose.yaml. */
const ENV_FILE: Readonly<Record<string, string>> = {
  DISCORD_TOKEN: 'abc.def.ghi',
  WORKER_TOKENS: `production:${'ab'.repeat(32)}`,
  CLUSTER_SECRET: 'bc'.repeat(32),
  REDIS_PASSWORD: 'cd'.repeat(32),
};

/** `${NAME:?message}` and `${NAME:-default}`; there is no other form in the file. */
const INTERPOLATIONS = [...text.matchAll(/(?<!\$)\$\{([A-Z_]+)(?::([?-])([^}]*))?\}/g)].map(
  ([whole, name = '', operator, word = '']) => ({ whole, name, operator, word }),
);

function interpolated(): string {
  return INTERPOLATIONS.reduce(
    (result, { whole, name, operator, word }) =>
      result.replaceAll(whole, operator === '-' ? word : (ENV_FILE[name] ?? '')),
    text,
  );
}

const compose = parse(interpolated(), { merge: true }) as Compose;
const nodes = Object.entries(compose.services).filter(([name]) => name.startsWith('node-'));
const restNodes = Object.entries(compose.services).filter(([name]) => name.startsWith('rest-'));
const { haproxy, egress, redis } = compose.services;

function configOf(environment: Readonly<Record<string, string>>): GatewayConfig {
  const result = loadConfig({ env: environment, readFile: () => '' });
  if (!result.ok) throw new Error(inspect(result.problems));
  return result.config;
}

const milliseconds = (seconds = '0s') => Number.parseInt(seconds, 10) * 1000;

describe('compose.yaml', () => {
  it('has three gateway nodes, two REST nodes, HAProxy on both sides, and Redis', () => {
    expect(Object.keys(compose.services)).toEqual([
      'node-a',
      'node-b',
      'node-c',
      'rest-a',
      'rest-b',
      'haproxy',
      'egress',
      'redis',
    ]);
  });

  it('says what to do where a secret is not set, and has no secret in it', () => {
    const required = INTERPOLATIONS.filter(({ operator }) => operator !== '-');
    expect(new Set(required.map(({ name }) => name))).toEqual(new Set(Object.keys(ENV_FILE)));
    for (const { operator, word } of required) {
      expect(operator).toBe('?');
      expect(word).toContain('.env');
    }
  });

  it.each(nodes)('gives %s settings that it accepts', (name, { environment }) => {
    const config = configOf(environment);
    expect(config.cluster).toMatchObject({ nodeId: name, advertise: `${name}:${config.workers.port}` });
    expect(config.haproxy.serverName).toBe(name);
    expect(config.tail.store).toBe('redis');
  });

  it.each(nodes)('leaves %s the time to drain', (_, { environment, stop_grace_period }) => {
    const { cluster, workers } = configOf(environment);
    expect(milliseconds(stop_grace_period)).toBeGreaterThan(cluster.drainTimeoutMs + workers.drainTimeoutMs);
  });

  it('gives the nodes the same settings but for their names', () => {
    const shared = nodes.map(([name, { environment }]) =>
      JSON.stringify(environment).replaceAll(`"${name}"`, '"name"').replaceAll(`"${name}:`, '"name:'),
    );
    expect(new Set(shared).size).toBe(1);
  });

  it.each([
    ['haproxy.cfg', haproxy],
    ['egress.cfg', egress],
  ])('gives HAProxy variables of %s', (file, service) => {
    const known = new Set(readText(`haproxy/${file}`).match(/HAPROXY_[A-Z0-9_]+/g));
    expect(Object.keys(service?.environment ?? {}).filter((name) => !known.has(name))).toEqual([]);
    expect(service?.volumes).toContain(`./haproxy/${file}:/usr/local/etc/haproxy/haproxy.cfg:ro`);
  });

  it.each(
    restNodes,
  )('gives %s settings that it accepts, the time to drain, and HAProxy before it', (name, service) => {
    const { rest, redis } = configOf(service.environment);
    expect(redis.hosts).toHaveLength(1);
    expect(milliseconds(service.stop_grace_period)).toBeGreaterThan(rest.drainTimeoutMs);
    expect(haproxy?.environment[`HAPROXY_${name.toUpperCase().replace('-', '_')}`]).toBe(
      `${name}:${rest.port}`,
    );
  });

  it('leaves REST nodes no way out but the egress, and sends REST requests of all nodes there', () => {
    const isInternal = (network: string) => compose.networks[network]?.internal === true;
    for (const [, { environment, networks }] of [...nodes, ...restNodes]) {
      const [application] = configOf(environment).applications;
      expect(application?.egressUrl).toBe(`http://egress${egress?.environment['HAPROXY_EGRESS_BIND']}`);
      expect(networks).toContain('way-out');
    }
    for (const [, { networks }] of restNodes) expect(networks.every(isInternal)).toBe(true);
    expect(egress?.networks).toEqual(['way-out', 'internet']);
    expect([isInternal('way-out'), isInternal('internet')]).toEqual([true, false]);
  });

  it('gives HAProxy each node under the server name that the node looks for', () => {
    const configuration = readText('haproxy/haproxy.cfg');
    for (const [name, { environment }] of nodes) {
      const variable = `HAPROXY_${name.toUpperCase().replace('-', '_')}`;
      expect(configuration).toContain(
        `server ${environment['SHARDMUX_HAPROXY_SERVER_NAME']} "\${${variable}-`,
      );
      expect(haproxy?.environment[variable]).toBe(environment['SHARDMUX_CLUSTER_ADVERTISE']);
    }
  });

  it("has HAProxy's socket where the nodes look for it", () => {
    const socket = /stats socket "\$\{HAPROXY_SOCKET-([^}]+)\}"/.exec(readText('haproxy/haproxy.cfg'))?.[1];
    const directory = socket?.replace(/\/[^/]+$/, '');
    expect(haproxy?.volumes).toContain(`haproxy-run:${directory}`);
    for (const [, node] of nodes) {
      expect(node.environment['SHARDMUX_HAPROXY_SOCKETS']).toBe(socket);
      expect(node.volumes).toContain(`haproxy-run:${directory}:ro`);
    }
  });

  it('lets nobody but the nodes reach Redis, and evicts nothing', () => {
    expect(redis?.networks).toEqual(['store']);
    expect(haproxy?.networks).not.toContain('store');
    expect(compose.networks).toMatchObject({ store: { internal: true } });
    expect(redis?.command).toContain('noeviction');
  });

  it('declares every network, volume and service that it names', () => {
    const services = Object.values(compose.services);
    const volumes = services.flatMap(({ volumes }) => volumes.map((volume) => volume.split(':', 1)[0] ?? ''));
    const named = volumes.filter((volume) => !volume.startsWith('.'));
    expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(named));
    const networks = services.flatMap((service) => service.networks);
    expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining(networks));
    const needed = services.flatMap(({ depends_on }) => Object.keys(depends_on ?? {}));
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(needed));
  });
});
