/**
 * Every key that shardmux has in Redis; `docs/redis-keys.md` has the same table with sizes. The hash tag puts all keys of an
 * application into one slot of a Redis Cluster: a script may touch several. Nothing else builds a key.
 *
 * | key                                     | type   | content                                            | TTL             | written by                  |
 * | --------------------------------------- | ------ | -------------------------------------------------- | --------------- | --------------------------- |
 * | `…:{app}:members`                       | hash   | node id → JSON, see `lua/shared.lua`               | KEEP_MS         | join, renew, leave          |
 * | `…:{app}:deployment`                    | string | what nodes agree on, canonical JSON                | KEEP_MS         | join, renew                 |
 * | `…:{app}:slots`                         | hash   | `since`, `next:<bucket>`, `last:<bucket>`: Unix ms | KEEP_MS         | join, renew, reserve, take, note |
 * | `…:{app}:budget`                        | hash   | `maxConcurrency remaining resetAtMs takes`         | KEEP_MS         | take, set                   |
 * | `…:{app}:<shards>:leases`               | hash   | shard → `epoch` or `epoch incarnation node`        | KEEP_MS         | renew, acquire, pass, leave |
 * | `…:{app}:<shards>:checkpoint:<shard>`   | hash   | newest base and checkpoint, see `lua/begin-tail.lua` | CHECKPOINT_KEEP_MS | begin, append            |
 * | `…:{app}:<shards>:tail:<shard>`         | stream | a chunk an entry, id `<lastSequence>-<n>`           | KEEP_MS         | begin, append               |
 * | `…:{app}:<shards>:guilds:<shard>`       | hash   | guilds and their checkpoint, see `lua/begin-guilds.lua` | CHECKPOINT_KEEP_MS | begin, put, commit |
 * | `…:{scope}:rest:<what>`                 | see `lua/exchange-shares.lua` | what REST nodes share; `{scope}` is `{app}` or `{address:<name>}` | KEEP_MS | exchange |
 * | `…:{app}:access-check`                  | stream | nothing: written and deleted in one script         | none            | check, at the start         |
 * | `…:{app}:messages`                      | channel | `ClusterMessage`, JSON                            |                 | publish                     |
 */
import type { ShareScope } from '../../rest/index.ts';

/** In the order of `lua/exchange-shares.lua`. */
const SHARED = ['nodes', 'holders', 'usages', 'wishes', 'notes'] as const;

/** What REST nodes share of an application, or of an address that requests leave from. */
export function shareKeys(prefix: string, scope: ShareScope): string[] {
  const tag = scope.kind === 'application' ? scope.id : `address:${scope.name}`;
  return SHARED.map((name) => `${prefix}:{${tag}}:rest:${name}`);
}

/** How long an application's keys outlive the last node: over a night in which it was switched off. */
export const KEEP_MS = 24 * 60 * 60 * 1000;

/** A shard may be quiet for days and its session is alive all the same: then the checkpoint is what it is resumed from. */
export const CHECKPOINT_KEEP_MS = 7 * KEEP_MS;

export class RedisKeys {
  readonly #application: string;
  readonly members: string;
  readonly deployment: string;
  readonly slots: string;
  readonly budget: string;
  readonly accessCheck: string;
  /** A channel, not a key. */
  readonly messages: string;

  constructor(prefix: string, applicationId: string) {
    this.#application = `${prefix}:{${applicationId}}`;
    this.members = `${this.#application}:members`;
    this.deployment = `${this.#application}:deployment`;
    this.slots = `${this.#application}:slots`;
    this.budget = `${this.#application}:budget`;
    this.accessCheck = `${this.#application}:access-check`;
    this.messages = `${this.#application}:messages`;
  }

  /** Below the number of shards, so that another number never meets these. */
  leases(shardCount: number): string {
    return `${this.#application}:${shardCount}:leases`;
  }

  checkpoint(shardCount: number, shardId: number): string {
    return `${this.#application}:${shardCount}:checkpoint:${shardId}`;
  }

  tail(shardCount: number, shardId: number): string {
    return `${this.#application}:${shardCount}:tail:${shardId}`;
  }

  guilds(shardCount: number, shardId: number): string {
    return `${this.#application}:${shardCount}:guilds:${shardId}`;
  }
}
