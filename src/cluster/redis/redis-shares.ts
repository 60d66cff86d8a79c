/** What REST nodes share, in Redis: one script for all that is due. */
import type { ShareGrant, ShareNote, ShareReply, ShareRequest, ShareScope } from '../../rest/index.ts';
import type { RedisConnections } from './connections.ts';
import { KEEP_MS, shareKeys } from './keys.ts';
import type { RedisShareStore } from './options.ts';

/** Discord remembers invalid requests for ten minutes, and here they are counted by slots of ten seconds. */
const KEEP_NOTES_MS = 620_000;

/** As the header of `lua/exchange-shares.lua` says; numbers that are words stand for times. */
type Reply = readonly [
  wasLive: number,
  size: number,
  nodes: number,
  nowMs: number,
  wishes: readonly string[],
  grants: readonly (string | number)[],
  notes: readonly string[],
];

export class RedisShares implements RedisShareStore {
  readonly warnings: readonly string[];
  readonly #prefix: string;
  readonly #connections: RedisConnections;

  constructor(prefix: string, connections: RedisConnections, warnings: readonly string[]) {
    this.#prefix = prefix;
    this.#connections = connections;
    this.warnings = warnings;
  }

  get isConnected() {
    return this.#connections.isConnected;
  }

  get counts() {
    return this.#connections.counts;
  }

  async exchange(scope: ShareScope, request: ShareRequest): Promise<ShareReply> {
    const keys = shareKeys(this.#prefix, scope);
    // The reason for the cast: the script answers nothing else.
    const reply = (await this.#connections.run('exchange-shares', keys, argumentsOf(request))) as Reply;
    const [wasLive, size, nodes, nowMs, wishes, grants, notes] = reply;
    return {
      wasLive: wasLive === 1,
      size,
      nodes,
      wishes,
      grants: groupsOf(grants, 5).map(grantOf),
      notes: groupsOf(notes, 3).map((group) => noteOf(group, nowMs)),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connections[Symbol.asyncDispose]();
  }
}

function argumentsOf(request: ShareRequest): (string | number)[] {
  const { incarnation, leaseTtlMs, lastingMs, limit, held, wanted, isLeaving, readUpTo } = request;
  const { number, heard, notes, usages, releases, claims } = request;
  return [
    ...[incarnation, leaseTtlMs, lastingMs, limit, held, wanted, isLeaving ? '1' : '0'],
    ...[KEEP_MS, KEEP_NOTES_MS, readUpTo, number, heard],
    ...[notes.length, ...notes],
    ...[usages.length, ...usages.flat()],
    ...[releases.length, ...releases],
    ...[claims.length, ...claims],
  ];
}

function grantOf([major, origin, usage, ageMs, lapsedMs]: readonly (string | number)[]): ShareGrant {
  return {
    major: String(major),
    // The reason for the cast: the script has no other words.
    origin: origin as ShareGrant['origin'],
    usage: String(usage),
    ageMs: Number(ageMs),
    lapsedMs: Number(lapsedMs),
  };
}

function noteOf([id = '', from = '', text = '']: readonly string[], nowMs: number): ShareNote {
  return { id, from, ageMs: Math.max(0, nowMs - Number.parseInt(id, 10)), text };
}

function groupsOf<Item>(items: readonly Item[], length: number): Item[][] {
  const groups: Item[][] = [];
  for (let at = 0; at < items.length; at += length) groups.push(items.slice(at, at + length));
  return groups;
}
