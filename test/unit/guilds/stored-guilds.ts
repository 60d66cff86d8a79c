/** Snapshots on their way to a store in memory, and out of it. */
import type { GuildOptions, GuildSnapshots } from '../../../src/guilds/index.ts';
import { MemoryGuildStore } from '../../support/memory-guild-store.ts';
import { OPTIONS } from './simulated-shard.ts';
import { Store } from './snapshot-store.ts';

export const EPOCH = 'session-1';

/** One round; `mayGoOn` is asked before each write, and ends it where it says no, as a crash does. */
export async function storeAll(
  snapshots: GuildSnapshots,
  kept: MemoryGuildStore,
  mayGoOn: () => boolean = () => true,
): Promise<void> {
  const round = snapshots.beginStoring();
  if (!kept.checkpoint) await kept.begin({ epoch: EPOCH, ...round.checkpoint });
  for (;;) {
    while (round.fill(Number.POSITIVE_INFINITY));
    const batch = round.takeBatch();
    if (!mayGoOn()) return;
    if (!batch) break;
    await kept.put(batch.guilds);
    batch.onStored();
  }
  await kept.commit({ epoch: EPOCH, ...round.checkpoint });
}

/** Another process' snapshots as they are stored, up to the checkpoint. */
export async function loaded(
  kept: MemoryGuildStore,
  { options = OPTIONS }: { options?: GuildOptions } = {},
): Promise<Store> {
  const stored = kept.load();
  if (!stored) throw new Error('nothing is stored');
  const store = new Store({ options });
  store.snapshots.resetTo(stored.checkpoint);
  for await (const batch of stored.guilds) store.snapshots.load(batch);
  return store;
}

export async function storedOf(snapshots: GuildSnapshots): Promise<MemoryGuildStore> {
  const kept = new MemoryGuildStore();
  await storeAll(snapshots, kept);
  return kept;
}
