/** Settings that hold addresses: of sockets, of other machines. Pure. */
import { bad, type Fault, good, type Kind, type Reading, shown } from './kind.ts';
import { listItems } from './structured-kinds.ts';

/** Runtime API sockets: an absolute path, or host and port. */
export function socketAddresses(): Kind<readonly string[]> {
  return {
    type: 'list of paths or host:port',
    read(raw) {
      const items = listItems(raw);
      if (items === undefined) return bad(`is not a list: ${shown(raw)}`, 'Give a list of addresses.');
      const faults: Fault[] = [];
      const addresses: string[] = [];
      items.forEach((item, index) => {
        const address = typeof item === 'string' ? socketAddress(item) : undefined;
        if (address !== undefined) addresses.push(address);
        else
          faults.push({
            at: [index],
            wrong: `is not an address: ${shown(item)}`,
            remedy: 'Give an absolute path such as /run/haproxy/shardmux.sock, or host:port.',
          });
      });
      return faults.length === 0 ? good(addresses) : { ok: false, faults };
    },
  };
}

/** As HAProxy itself writes them: `/path` or `unix@/path`, and `tcp@host:port`, whose first part may be left out here. */
function socketAddress(item: string): string | undefined {
  if (/\s/.test(item)) return undefined;
  if (/^(unix@)?\/./.test(item)) return item;
  const [, family = 'tcp@', host, port] = /^((?:tcp|ipv4|ipv6)@)?([^/@]+):(\d{1,5})$/.exec(item) ?? [];
  const isAddress = host !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
  return isAddress ? `${family}${host}:${port}` : undefined;
}

export interface HostPort {
  /** A name or an address; of IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export function hostPorts(): Kind<readonly HostPort[]> {
  return {
    type: 'list of host:port',
    read(raw) {
      const items = listItems(raw);
      if (items === undefined) return bad('is not a list', 'Give a list such as redis-1:6379,redis-2:6379.');
      const faults: Fault[] = [];
      const addresses: HostPort[] = [];
      items.forEach((item, index) => {
        const reading = hostAndPort(item);
        if (reading.ok) addresses.push(reading.value);
        else faults.push(...reading.faults.map((fault) => ({ ...fault, at: [index] })));
      });
      return faults.length === 0 ? good(addresses) : { ok: false, faults };
    },
  };
}

/** Given back as `host:port`, IPv6 in brackets. */
export function hostPort(): Kind<string> {
  return {
    type: 'host:port',
    read(raw) {
      const reading = hostAndPort(raw);
      return reading.ok ? good(String(raw)) : reading;
    },
  };
}

function hostAndPort(raw: unknown): Reading<HostPort> {
  const example = 'Give host:port, such as 10.0.0.5:6379; IPv6 in brackets: [fd00::5]:6379.';
  // A URL, most likely, and it may hold a password: it isn't repeated.
  if (typeof raw === 'string' && (raw.includes('@') || raw.includes('://')))
    return bad('is a URL', `${example} User, password, database and TLS are settings of their own.`);
  const match =
    typeof raw === 'string' ? /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(raw) : null;
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) return bad(`is not host:port: ${shown(raw)}`, example);
  return good({ host, port });
}
