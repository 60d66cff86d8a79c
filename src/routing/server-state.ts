/**
 * Reads what HAProxy's Runtime API says about itself (`show info`) and about a backend's servers
 * (`show servers state <backend>`, https://docs.haproxy.org/2.6/management.html#9.3). Rules only.
 */
import { isIPv6 } from 'node:net';

/** Addresses that mean the machine itself, whichever it is. */
const LOOPBACK = /^127\.|^::1$/;

/** How a node finds itself among the servers: by the server's name, or by the address HAProxy reaches it at. */
export type ServerLookup =
  | { readonly name: string }
  /** Any of these: a node that listens on all its addresses can't know which one HAProxy was given. */
  | { readonly hosts: readonly string[]; readonly port: number };

/** One `server` line. `address` is `-` while its name can't be resolved; `domain` is the name, where it has one. */
export interface BackendServer {
  readonly id: number;
  readonly name: string;
  readonly address: string;
  readonly domain: string;
  readonly port: number;
}

/** One HAProxy process. A pid alone doesn't tell: in a container a restarted process has the same one again. */
export interface HaproxyProcess {
  readonly pid: number;
  readonly startedAtSec: number;
}

/** The servers in the output of `show servers state <backend>`; columns are found by the names in its header. */
export function parseServersState(output: string): readonly BackendServer[] {
  const lines = output.split('\n');
  const headerAt = lines.findIndex((line) => line.startsWith('# be_id '));
  if (headerAt === -1) return [];
  const columns = lines[headerAt]?.slice(2).split(' ') ?? [];
  const servers: BackendServer[] = [];
  for (const line of lines.slice(headerAt + 1)) {
    if (line === '') break;
    const fields = line.split(' ');
    const field = (name: string) => fields[columns.indexOf(name)] ?? '';
    servers.push({
      id: Number(field('srv_id')),
      name: field('srv_name'),
      address: field('srv_addr'),
      domain: field('srv_fqdn'),
      port: Number(field('srv_port')),
    });
  }
  return servers;
}

/**
 * The servers that are meant: one, or the lookup is wrong. Names and addresses are compared as text, without asking DNS.
 * Every machine has its loopback addresses, so these count only where no other address fits: a HAProxy elsewhere may list
 * the node beside it as `127.0.0.1`.
 */
export function findServers(
  servers: readonly BackendServer[],
  lookup: ServerLookup,
): readonly BackendServer[] {
  if ('name' in lookup) return servers.filter(({ name }) => name === lookup.name);
  const hosts = lookup.hosts.map(canonicalHost);
  const fitting = servers.filter(
    ({ address, domain, port }) =>
      port === lookup.port &&
      (hosts.includes(canonicalHost(address)) || hosts.includes(domain.toLowerCase())),
  );
  const outside = fitting.filter(({ address }) => !LOOPBACK.test(canonicalHost(address)));
  return outside.length > 0 ? outside : fitting;
}

/** The servers whose names HAProxy has not found an address for (yet). */
export function unresolvedServers(servers: readonly BackendServer[]): readonly BackendServer[] {
  return servers.filter(({ address }) => address === '-');
}

/** The process that answered `show info`, or undefined when this is no such answer. */
export function parseProcess(output: string): HaproxyProcess | undefined {
  const pid = /^Pid: (\d+)$/m.exec(output)?.[1];
  const startedAtSec = /^Start_time_sec: (\d+)$/m.exec(output)?.[1];
  return pid === undefined ? undefined : { pid: Number(pid), startedAtSec: Number(startedAtSec ?? 0) };
}

export function isSameProcess(one: HaproxyProcess, other: HaproxyProcess): boolean {
  return one.pid === other.pid && one.startedAtSec === other.startedAtSec;
}

/** One spelling an address: IPv6 has many (`::1`, `0:0:0:0:0:0:0:1`, `[::1]`). */
function canonicalHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return isIPv6(bare) ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare;
}
