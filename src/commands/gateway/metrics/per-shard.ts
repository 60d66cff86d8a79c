/** Readings of every shard of every application at this node. */
import type { Application } from '../application.ts';
import type { HeldShard } from '../held-shard.ts';

export const SHARD_LABELS = ['application', 'shard'] as const;

/** A reading a shard; shards that have none are left out. */
export function perShard<Part>(
  applications: readonly Application[],
  part: (shard: HeldShard) => Part | undefined,
  read: (part: Part) => number | undefined,
) {
  return (set: (value: number, labels: { application: string; shard: number }) => void) => {
    for (const application of applications) {
      for (const shard of application.shards) {
        const found = part(shard);
        const value = found === undefined ? undefined : read(found);
        if (value !== undefined) set(value, { application: application.id, shard: shard.shardId });
      }
    }
  };
}

/** A reading an application. */
export function perApplication(
  applications: readonly Application[],
  read: (application: Application) => number | undefined,
) {
  return (set: (value: number, labels: { application: string }) => void) => {
    for (const application of applications) {
      const value = read(application);
      if (value !== undefined) set(value, { application: application.id });
    }
  };
}
