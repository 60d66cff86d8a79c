/** Where this node can be reached from elsewhere. */
import { createConnection } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { GatewayConfig } from '../../config/index.ts';

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** For finding out which of our addresses leads to Redis; it has answered by now. */
const CONNECT_TIMEOUT_MS = 2_000;

/** The addresses at which an HAProxy may reach a node that listens on `host`. */
export function addressesOf(host: string): string[] {
  if (!ANY.has(host)) return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return [...addresses.map(({ address }) => address), hostname(), 'localhost'];
}

/** `host:port` for other nodes: as configured, else the address listened on, else the one that we reach Redis from. */
export async function advertisedAddress(
  { cluster, workers, redis }: GatewayConfig,
  port: number,
): Promise<string> {
  if (cluster.advertise !== undefined) return cluster.advertise;
  const [first] = redis.hosts;
  if (!ANY.has(workers.host) || !first) return hostPort(workers.host, port);
  return hostPort((await localAddressTo(first.host, first.port)) ?? hostname(), port);
}

function localAddressTo(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const done = (address: string | undefined) => {
      socket.destroy();
      resolve(address);
    };
    socket.once('connect', () => done(socket.localAddress));
    socket.once('timeout', () => done(undefined));
    socket.once('error', () => done(undefined));
  });
}

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
