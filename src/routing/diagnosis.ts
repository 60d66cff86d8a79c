/**
 * Names for everything that keeps a node from teaching a HAProxy, and sentences that say what to do about it.
 * Rules only. The names are bounded, so they serve as a metric's label.
 */
import { type BackendServer, type ServerLookup, unresolvedServers } from './server-state.ts';

/** Why a command could not be carried out over a socket. */
export type SocketProblem =
  | 'socket-missing'
  | 'socket-forbidden'
  | 'not-listening'
  | 'unreachable'
  | 'timed-out'
  | 'cut-off'
  | 'answer-too-long';

/** Why a HAProxy that answers can't be taught. */
export type SetupProblem =
  | 'level-too-low'
  | 'unknown-backend'
  | 'unknown-table'
  | 'wrong-table-type'
  | 'unknown-server'
  | 'server-unresolved'
  | 'ambiguous-server'
  | 'process-changed'
  | 'unexpected-answer';

export type TeachingProblem = SocketProblem | SetupProblem | 'internal-error';

/** Problems that no waiting mends: somebody has to change a setting, or haproxy.cfg. */
const MISCONFIGURATIONS: ReadonlySet<TeachingProblem> = new Set<TeachingProblem>([
  'socket-forbidden',
  'answer-too-long',
  'level-too-low',
  'unknown-backend',
  'unknown-table',
  'wrong-table-type',
  'unknown-server',
  'ambiguous-server',
  'unexpected-answer',
]);

/** Whether it stays wrong until somebody changes a setting, unlike a HAProxy that is down, hangs or is starting. */
export function isMisconfiguration(problem: TeachingProblem): boolean {
  return MISCONFIGURATIONS.has(problem);
}

/** Of those, the ones that another setting than `haproxy.sockets` is likely to be the cause of. */
const SETTINGS: Readonly<Partial<Record<TeachingProblem, string>>> = {
  'unknown-backend': 'haproxy.backend',
  'unknown-table': 'haproxy.table',
  'wrong-table-type': 'haproxy.table',
  'unknown-server': 'haproxy.serverName',
  'ambiguous-server': 'haproxy.serverName',
};

/** The setting to look at first. */
export function settingOf(problem: TeachingProblem): string {
  return SETTINGS[problem] ?? 'haproxy.sockets';
}

/** What failed: its name, and a sentence for the operator. */
export interface Diagnosis {
  readonly problem: TeachingProblem;
  readonly reason: string;
}

/** What the diagnosis needs to know to name things as the operator did. */
export interface TeachingTarget {
  readonly socket: string;
  readonly backend: string;
  readonly table: string;
}

/** Longest part of an unknown answer that is quoted in a reason, in characters. */
const MAX_QUOTED_CHARS = 200;

/** The lines with which HAProxy refuses a command, in 2.6 and in 3.2. */
const REFUSALS: ReadonlyMap<string, SetupProblem> = new Map([
  ['Permission denied', 'level-too-low'],
  ["Can't find backend.", 'unknown-backend'],
  ['No such table', 'unknown-table'],
]);

/** The first refusal in an answer to any of our commands, if there is one. */
export function findRefusal(answer: string, target: TeachingTarget): Diagnosis | undefined {
  for (const line of answer.split('\n')) {
    const problem = REFUSALS.get(line.trim());
    if (problem !== undefined) return { problem, reason: setupReason(problem, target) };
  }
  return undefined;
}

/**
 * Something other than silence in answer to `set table` or `clear table`, which say nothing when they succeed. The first
 * paragraph is skipped: it answers the `show info` that every line of ours begins with.
 */
export function findComplaint(answer: string, target: TeachingTarget): Diagnosis | undefined {
  const rest = answer.slice(answer.indexOf('\n\n')).trim();
  return rest === '' ? undefined : unexpectedAnswer(rest, target);
}

/** An answer that is none of those we know. */
export function unexpectedAnswer(answer: string, { socket }: TeachingTarget): Diagnosis {
  const quoted = answer.slice(0, MAX_QUOTED_CHARS).replaceAll(/\s+/g, ' ');
  return {
    problem: 'unexpected-answer',
    reason: `${socket} answered "${quoted}". Let haproxy.sockets name the "stats socket" of HAProxy 2.6 or newer that runs haproxy/haproxy.cfg.`,
  };
}

/** HAProxy began to answer and was gone before the end. */
export function brokenAnswer({ socket }: TeachingTarget): Diagnosis {
  return { problem: 'cut-off', reason: socketReason('cut-off', socket, 'in the middle of it') };
}

/** A command was carried out by another process than the one that was inspected just before. */
export function processChanged({ socket }: TeachingTarget): Diagnosis {
  return {
    problem: 'process-changed',
    reason: `Another HAProxy process took over ${socket} just now, as in a reload. If this lasts, several share the address: give each a "stats socket" of its own, and list all in haproxy.sockets.`,
  };
}

/** Something that should not be able to happen; it is reported instead of thrown, because events must keep flowing. */
export function internalError(error: unknown, { socket }: TeachingTarget): Diagnosis {
  return {
    problem: 'internal-error',
    reason: `Teaching ${socket} failed by a mistake in shardmux (${error}). Please report it.`,
  };
}

/** The table's keys have the wrong type. */
export function wrongTableType(keyType: string, target: TeachingTarget): Diagnosis {
  return {
    problem: 'wrong-table-type',
    reason: `Table "${target.table}" at ${target.socket} has keys of type ${keyType}. Make it "stick-table type string len 32" in haproxy.cfg, or correct haproxy.table.`,
  };
}

/** This node is none of the backend's servers, as far as can be told. */
export function serverNotFound(
  lookup: ServerLookup,
  servers: readonly BackendServer[],
  { socket, backend }: TeachingTarget,
): Diagnosis {
  const wanted =
    'name' in lookup
      ? `named ${lookup.name}`
      : `with port ${lookup.port} and an address of this node (${lookup.hosts.join(', ')})`;
  const found = `No server ${wanted} in backend "${backend}" at ${socket} (there: ${list(servers)}).`;
  const unresolved = unresolvedServers(servers);
  if (!('name' in lookup) && unresolved.length > 0) {
    const remedy =
      'It may still be found when DNS knows their names; to be found at once, set haproxy.serverName.';
    return {
      problem: 'server-unresolved',
      reason: `${found} No address yet: ${list(unresolved)}. ${remedy}`,
    };
  }
  const setting = 'name' in lookup ? 'Correct' : 'Set';
  const remedy = `${setting} haproxy.serverName, or add a "server" line with an id for this node to haproxy.cfg (HAPROXY_NODE_A and so on).`;
  return { problem: 'unknown-server', reason: `${found} ${remedy}` };
}

/** More than one of the backend's servers has an address of this node. */
export function ambiguousServer(
  servers: readonly BackendServer[],
  { socket, backend }: TeachingTarget,
): Diagnosis {
  return {
    problem: 'ambiguous-server',
    reason: `Several servers in backend "${backend}" at ${socket} have an address of this node (${list(servers)}). Set haproxy.serverName to the one that is this node, or correct the "server" lines of haproxy.cfg.`,
  };
}

/** A sentence for a socket that could not be used. `detail` is the system's own word for it, or a limit. */
export function socketReason(problem: SocketProblem, socket: string, detail: string): string {
  switch (problem) {
    case 'socket-missing':
      return `${socket} does not exist. Start HAProxy, or correct haproxy.sockets: the path is in the "stats socket" line of haproxy.cfg (HAPROXY_SOCKET).`;
    case 'socket-forbidden':
      return `No permission to open ${socket}. Let this process be in the group that owns it: "group" in the "stats socket" line of haproxy.cfg (HAPROXY_SOCKET_GROUP).`;
    case 'not-listening':
      return `Nothing listens at ${socket}. Start HAProxy, or correct haproxy.sockets: the address is in the "stats socket" line of haproxy.cfg (HAPROXY_SOCKET, HAPROXY_SOCKET_BIND).`;
    case 'unreachable':
      return `${socket} can't be reached (${detail}). Check the address in haproxy.sockets and the network in between.`;
    case 'timed-out':
      return `${socket} did not answer within ${detail}. HAProxy hangs or is overloaded: look at its process and restart it if it stays so.`;
    case 'cut-off':
      return `${socket} closed the connection without a whole answer (${detail}). HAProxy is stopping, or its stats socket is full.`;
    case 'answer-too-long':
      return `${socket} answered with more than ${detail}. Let haproxy.sockets name the "stats socket" of HAProxy.`;
  }
}

function setupReason(problem: SetupProblem, { socket, backend, table }: TeachingTarget): string {
  switch (problem) {
    case 'level-too-low':
      return `${socket} refuses to show or set tables. Add "level operator" to its "stats socket" line in haproxy.cfg.`;
    case 'unknown-backend':
      return `HAProxy at ${socket} has no backend "${backend}". Run it with haproxy/haproxy.cfg, or correct haproxy.backend.`;
    default:
      return `HAProxy at ${socket} has no stick table "${table}". Run it with haproxy/haproxy.cfg, or correct haproxy.table.`;
  }
}

function list(servers: readonly BackendServer[]): string {
  const items = servers.map(
    ({ name, address, domain, port }) => `${name} ${address === '-' ? domain : address}:${port}`,
  );
  return items.join(', ') || 'none';
}
