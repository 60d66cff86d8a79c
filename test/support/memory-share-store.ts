/** What REST nodes share, in memory: for simulated time. The contract of the one in Redis holds for it, too. */
import type { ShareGrant, ShareReply, ShareRequest, ShareScope, ShareStore } from '../../src/rest/index.ts';

interface Node {
  held: number;
  wanted: number;
  lapsesAtMs: number;
  hasLeft: boolean;
  number: number;
  begun: number;
}

const TURN_MS = 2_000;
/** Nodes that the store has forgotten, or has never heard of. */
const UNKNOWN = '?';

interface Scope {
  readonly nodes: Map<string, Node>;
  readonly holders: Map<string, string>;
  /** Of what was a lapsed node's: which exchange granted it, and when that lapsed. */
  readonly doubts: Map<string, { readonly number: number; readonly lapsedAtMs: number }>;
  readonly usages: Map<string, { readonly atMs: number; readonly text: string }>;
  readonly wishes: Map<string, string>;
  readonly notes: { readonly atMs: number; readonly from: string; readonly text: string }[];
}

export class MemoryShareStore implements ShareStore {
  readonly #nowMs: () => number;
  readonly #scopes = new Map<string, Scope>();
  /** Calls reject, as while Redis is away. */
  isAway = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async exchange(scope: ShareScope, request: ShareRequest): Promise<ShareReply> {
    if (this.isAway) throw new Error('the store is away');
    const key = JSON.stringify(scope);
    const known = this.#scopes.get(key) ?? {
      nodes: new Map(),
      holders: new Map(),
      doubts: new Map(),
      usages: new Map(),
      wishes: new Map(),
      notes: [],
    };
    this.#scopes.set(key, known);
    return new Exchange(known, request, this.#nowMs()).run();
  }

  forgetAll(): void {
    this.#scopes.clear();
  }
}

class Exchange {
  readonly #scope: Scope;
  readonly #request: ShareRequest;
  readonly #nowMs: number;

  constructor(scope: Scope, request: ShareRequest, nowMs: number) {
    this.#scope = scope;
    this.#request = request;
    this.#nowMs = nowMs;
  }

  run(): ShareReply {
    const { incarnation, number, heard, usages, releases, claims } = this.#request;
    const before = this.#scope.nodes.get(incarnation);
    if (before && number <= before.number) throw new Error('a later exchange was before it');
    const isContinued = before !== undefined && before.begun <= heard && heard <= before.number;
    const wasLive = this.#lives(incarnation) && isContinued;
    const size = this.#divide(before, wasLive);
    const notes = this.#exchangeNotes();
    for (const [major, text] of usages) this.#use(major, text);
    for (const major of releases) this.#release(major);
    const grants = claims.flatMap((major) => this.#claim(major) ?? []);
    const live = [...this.#scope.nodes.keys()].filter((node) => this.#lives(node));
    return { wasLive, size, nodes: live.length, wishes: this.#wishes(), grants, notes };
  }

  #lives(incarnation: string): boolean {
    const node = this.#scope.nodes.get(incarnation);
    return node !== undefined && !node.hasLeft && node.lapsesAtMs > this.#nowMs;
  }

  #divide(before: Node | undefined, wasLive: boolean): number {
    const { incarnation, number, wanted, leaseTtlMs, isLeaving, limit } = this.#request;
    const { nodes } = this.#scope;
    const held = isLeaving ? (before?.held ?? 0) : this.#stillHeld(before);
    const me: Node = {
      held,
      wanted,
      lapsesAtMs: isLeaving ? this.#nowMs : this.#nowMs + leaseTtlMs,
      hasLeft: isLeaving,
      number,
      begun: wasLive && before ? before.begun : number,
    };
    nodes.set(incarnation, me);
    const mine = this.#parts().get(incarnation) ?? 0;
    if (isLeaving || mine <= me.held) return mine;
    me.held = Math.max(me.held, Math.min(mine, limit - this.#taken()));
    return me.held;
  }

  #stillHeld(before: Node | undefined): number {
    const { incarnation, held, heard, limit, leaseTtlMs } = this.#request;
    const { nodes } = this.#scope;
    if (heard >= 0 && heard <= (before?.number ?? 0))
      return this.#counts(before) ? Math.min(held, before.held) : 0;
    let taken = 0;
    for (const [name, node] of nodes) if (name !== incarnation && this.#lives(name)) taken += node.held;
    const mine = Math.max(0, Math.min(held, limit - taken));
    const rest = Math.max(0, limit - taken - mine);
    const unknown = nodes.get(UNKNOWN);
    if (this.#counts(unknown)) unknown.held = Math.min(unknown.held, rest);
    else {
      const lapsesAtMs = this.#nowMs + leaseTtlMs;
      nodes.set(UNKNOWN, { held: rest, wanted: 0, lapsesAtMs, hasLeft: true, number: 0, begun: 0 });
    }
    return mine;
  }

  #counts(node: Node | undefined): node is Node {
    return node !== undefined && node.lapsesAtMs + this.#request.lastingMs > this.#nowMs;
  }

  /** Places of all others. */
  #taken(): number {
    let taken = 0;
    for (const [name, node] of this.#scope.nodes) {
      if (name !== this.#request.incarnation && this.#counts(node)) taken += node.held;
    }
    return taken;
  }

  #parts(): Map<string, number> {
    const live = [...this.#scope.nodes].filter(([name]) => this.#lives(name));
    live.sort(([a], [b]) => (a < b ? -1 : 1));
    const turn = this.#request.limit < live.length ? Math.floor(this.#nowMs / TURN_MS) : 0;
    const place = new Map(live.map(([name], at) => [name, (at + turn) % live.length]));
    live.sort(([a, x], [b, y]) => x.wanted - y.wanted || (place.get(a) ?? 0) - (place.get(b) ?? 0));
    let left = this.#request.limit;
    const parts = live.map(([name, { wanted }], at) => {
      const part = Math.min(wanted, Math.floor(left / (live.length - at)));
      left -= part;
      return [name, part] as const;
    });
    return new Map(
      parts.map(([name, part], at) => {
        const extra = Math.floor(left / (live.length - at));
        left -= extra;
        return [name, part + extra];
      }),
    );
  }

  #exchangeNotes(): ShareReply['notes'] {
    const { incarnation, readUpTo } = this.#request;
    const { notes } = this.#scope;
    for (const text of this.#request.notes) notes.push({ atMs: this.#nowMs, from: incarnation, text });
    const from = readUpTo === '' ? 0 : Number(readUpTo) + 1;
    return notes.slice(from).map(({ atMs, from: who, text }, at) => ({
      id: String(from + at),
      from: who,
      ageMs: this.#nowMs - atMs,
      text,
    }));
  }

  #use(major: string, text: string): void {
    const { holders, usages } = this.#scope;
    if (holders.get(major) !== this.#request.incarnation) return;
    if (text === '') usages.delete(major);
    else usages.set(major, { atMs: this.#nowMs, text });
  }

  #release(major: string): void {
    const { holders, wishes } = this.#scope;
    const me = this.#request.incarnation;
    const wisher = wishes.get(major);
    if (holders.get(major) === me || wisher === me) wishes.delete(major);
    if (holders.get(major) !== me) return;
    this.#scope.doubts.delete(major);
    if (wisher !== undefined && this.#lives(wisher)) holders.set(major, wisher);
    else holders.delete(major);
  }

  #claim(major: string): ShareGrant | undefined {
    const { nodes, holders, doubts, usages, wishes } = this.#scope;
    const { incarnation: me, heard } = this.#request;
    const holder = holders.get(major);
    if (holder === undefined) return this.#grant(major, usages.has(major) ? 'left' : 'new');
    if (holder === me) {
      const doubt = doubts.get(major);
      const isHeard = !doubt || doubt.number <= heard;
      return isHeard ? this.#grant(major, 'own') : this.#grant(major, 'lapsed', doubt.lapsedAtMs);
    }
    if (this.#lives(holder)) {
      const wisher = wishes.get(major);
      if (wisher === undefined || !this.#lives(wisher)) wishes.set(major, me);
      return undefined;
    }
    const node = nodes.get(holder);
    if (node?.hasLeft) return this.#grant(major, 'left');
    return this.#grant(major, 'lapsed', node?.lapsesAtMs ?? this.#nowMs - 600_000);
  }

  #grant(major: string, origin: ShareGrant['origin'], lapsedAtMs?: number): ShareGrant {
    const { holders, doubts, usages, wishes } = this.#scope;
    const { incarnation, number } = this.#request;
    holders.set(major, incarnation);
    if (lapsedAtMs === undefined) doubts.delete(major);
    else doubts.set(major, { number, lapsedAtMs });
    wishes.delete(major);
    const usage = usages.get(major);
    return {
      major,
      origin,
      usage: usage?.text ?? '',
      ageMs: usage ? this.#nowMs - usage.atMs : 0,
      lapsedMs: lapsedAtMs === undefined ? 0 : this.#nowMs - lapsedAtMs,
    };
  }

  #wishes(): string[] {
    const { holders, wishes } = this.#scope;
    const mine: string[] = [];
    for (const [major, wisher] of wishes) {
      const holder = holders.get(major);
      if (holder === undefined || !this.#lives(wisher)) wishes.delete(major);
      else if (holder === this.#request.incarnation) mine.push(major);
    }
    return mine;
  }
}
