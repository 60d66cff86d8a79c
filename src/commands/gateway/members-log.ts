/** Says which other nodes come and go, a line each, so that the log explains why shards do. Decides nothing. */
import type { Member } from '../../cluster/index.ts';
import type { UpstreamLog } from '../../upstream/index.ts';

/** Who is gone so long before its membership lapses has left; who is dead stays until then. */
const LEFT_MARGIN_MS = 100;

interface Known {
  readonly incarnation: string;
  /** By our clock. */
  readonly lapsesAtMs: number;
}

export interface MembersView {
  readonly members: readonly Member[];
  readonly nowMs: number;
  /** The store was there for long enough: who is not in it is gone, and has not just not come back to it. */
  readonly isSteady: boolean;
}

export class MembersLog {
  readonly #nodeId: string;
  readonly #log: UpstreamLog;
  readonly #known = new Map<string, Known>();

  /** `nodeId`: this node's, of which nothing is said. */
  constructor(nodeId: string, log: UpstreamLog) {
    this.#nodeId = nodeId;
    this.#log = log;
  }

  update({ members, nowMs, isSteady }: MembersView): void {
    const nodes = members.length;
    for (const { nodeId, incarnation, address, lapsesInMs } of members) {
      if (nodeId === this.#nodeId) continue;
      const known = this.#known.get(nodeId);
      this.#known.set(nodeId, { incarnation, lapsesAtMs: nowMs + lapsesInMs });
      if (!known) this.#log.info({ node: nodeId, address, nodes }, 'another node is there');
      else if (known.incarnation !== incarnation)
        this.#log.info({ node: nodeId, address, nodes }, 'another node was started again');
    }
    if (isSteady) this.#noteGone(members, nowMs);
  }

  #noteGone(members: readonly Member[], nowMs: number): void {
    const there = new Set(members.map(({ nodeId }) => nodeId));
    for (const [node, { lapsesAtMs }] of this.#known) {
      if (there.has(node)) continue;
      this.#known.delete(node);
      const line = { node, nodes: there.size };
      if (nowMs < lapsesAtMs - LEFT_MARGIN_MS) this.#log.info(line, 'another node has left');
      else this.#log.warn(line, 'another node is gone without a word; its shards are taken over');
    }
  }
}
