/** What is shown while the demo runs, as lines of text. Pure. */
import type { ActCounts } from './acts.ts';
import { format, milliseconds } from './report.ts';

export interface View {
  readonly elapsedMs: number;
  /** `null`: until Ctrl-C. */
  readonly totalMs: number | null;
  /** What happens now. */
  readonly now: string;
  readonly past: readonly PastAct[];
  readonly discord: {
    readonly pid: number;
    readonly shards: number;
    readonly guilds: number;
    readonly identifies: number;
    readonly violations: number;
    readonly perSecond: number;
    /** Shards whose connection with a node is open. */
    readonly connected: number;
  };
  readonly counts: Readonly<ActCounts>;
  readonly nodes: readonly {
    readonly name: string;
    readonly pid: number | undefined;
    /** So many HAProxy knows to be there. */
    readonly shards: number;
  }[];
  readonly redis: { readonly pid: number | undefined };
  readonly haproxy: { readonly pid: number; readonly url: string };
  readonly workers: {
    readonly pids: readonly number[];
    readonly count: number;
    readonly connected: number;
    readonly perSecond: number;
  };
  readonly delivered: number;
  readonly behind: number;
  readonly missing: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** `null` until the first were measured. */
  readonly hop: { readonly p50Us: number; readonly p99Us: number } | null;
}

export interface PastAct {
  readonly atMs: number;
  readonly past: string;
  readonly tookMs: number;
  readonly missing: number;
}

const PAST_SHOWN = 6;

export function tableLines(view: View): string[] {
  const { discord, nodes, redis, haproxy, workers, counts } = view;
  const total = view.totalMs === null ? '' : ` of ${time(view.totalMs)}`;
  const row = (name: string, pid: string | number | undefined, rest: string) =>
    `  ${name.padEnd(19)}${String(pid ?? 'down').padEnd(27)}${rest}`;
  return [
    '',
    `  shardmux demo   ${time(view.elapsedMs)}${total}   Ctrl-C: stop, and give the verdict`,
    '',
    row('what runs', 'process', ''),
    row(
      'simulated Discord',
      discord.pid,
      `sends ${format(discord.perSecond)} events/s in ${format(discord.guilds)} guilds; ${discord.connected} of ${discord.shards} shards connected`,
    ),
    ...nodes.map(({ name, pid, shards }) =>
      row(`shardmux ${name}`, pid, `${String(shards).padStart(2)} shards ${'■'.repeat(shards)}`),
    ),
    row('Redis', redis.pid, ''),
    row('HAProxy', haproxy.pid, `${haproxy.url.replace('http', 'ws')}/shards/<n>`),
    row(
      `${workers.count} workers`,
      workers.pids.length === 0 ? undefined : workers.pids.join(' '),
      `get ${format(workers.perSecond)} events/s; ${workers.connected} of ${discord.shards} shards connected`,
    ),
    '',
    `  so far: workers restarted ${counts.workerRestarts} × · nodes added ${counts.nodesAdded}, drained ${counts.nodesDrained}, killed ${counts.nodesKilled}`,
    `  delivered ${format(view.delivered)} · on the way ${format(view.behind)} · lost ${format(view.missing)} · twice ${format(view.duplicated)} · out of order ${format(view.reordered)}`,
    `  from Discord to a worker: ${hopText(view.hop)}`,
    `  Discord saw ${discord.identifies} IDENTIFYs (one a shard is the least) and ${discord.violations} broken rules`,
    '',
    ...view.past.slice(-PAST_SHOWN).map((act) => `  ${pastText(act)}`),
    `  ${time(view.elapsedMs)}  > ${view.now}`,
    '',
  ];
}

/** The same in one line, for logs. */
export function statusLine(view: View): string {
  const { discord, nodes, workers } = view;
  const lie = nodes.map(({ pid, shards }) => (pid === undefined ? '-' : shards)).join('+');
  const hop = view.hop === null ? '' : ` · ${hopText(view.hop)}`;
  return `${time(view.elapsedMs)}  shards ${discord.connected}/${workers.connected} of ${discord.shards} on ${lie} · events/s in ${format(discord.perSecond)} out ${format(workers.perSecond)} · delivered ${format(view.delivered)} · on the way ${format(view.behind)} · lost ${view.missing} · twice ${view.duplicated} · out of order ${view.reordered}${hop}`;
}

export function pastText({ atMs, past, tookMs, missing }: PastAct): string {
  const outcome = missing === 0 ? 'nothing lost' : `${format(missing)} lost so far`;
  return `${time(atMs)}  ${past.padEnd(42)} all caught up after ${(tookMs / 1000).toFixed(1)} s, ${outcome}`;
}

export function time(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

function hopText(hop: View['hop']): string {
  return hop === null ? 'measuring' : `p50 ${milliseconds(hop.p50Us)}, p99 ${milliseconds(hop.p99Us)}`;
}
