/** The routing keys of all shards of all applications of this node, for the HAProxies. */
import type { Teacher } from '../../routing/index.ts';
import { routingKey } from '../../routing/index.ts';
import type { ShardRoutes } from './held-shards.ts';

export class Routes {
  readonly #teacher: Teacher | undefined;
  /** With one application, `/shards/<n>` is its shard too. */
  readonly #isOnly: boolean;
  readonly #keys = new Set<string>();
  readonly #leaving = new Set<string>();

  constructor(teacher: Teacher | undefined, applications: number) {
    this.#teacher = teacher;
    this.#isOnly = applications === 1;
  }

  of(applicationId: string): ShardRoutes & { teachAgain(shardId: number): void } {
    const keysOf = (shardId: number) => this.#keysOf(applicationId, shardId);
    return {
      own: async (shardId) => {
        for (const key of keysOf(shardId)) {
          this.#keys.add(key);
          this.#leaving.delete(key);
        }
        this.#teach();
        await this.#teacher?.settled();
      },
      leave: (shardId) => {
        for (const key of keysOf(shardId)) if (this.#keys.delete(key)) this.#leaving.add(key);
        this.#teach();
      },
      forget: (shardId) => {
        for (const key of keysOf(shardId)) {
          this.#keys.delete(key);
          this.#leaving.delete(key);
        }
        this.#teach();
      },
      teachAgain: (shardId) => {
        const known = keysOf(shardId).filter((key) => this.#keys.has(key));
        if (known.length > 0) this.#teacher?.teachAgain(new Set(known));
      },
    };
  }

  #teach(): void {
    this.#teacher?.setKeys(this.#keys, { leaving: this.#leaving });
  }

  #keysOf(applicationId: string, shardId: number): string[] {
    const keys = /^\d+$/.test(applicationId) ? [routingKey(shardId, applicationId)] : [];
    return this.#isOnly ? [routingKey(shardId), ...keys] : keys;
  }
}
