import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApplicationDirectory } from '../../../src/cluster/index.ts';

const APPLICATION_ID = '100000000000000000';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'shardmux-directory-'));
});

afterEach(() => rmSync(root, { recursive: true }));

function directory(applicationId = APPLICATION_ID): ApplicationDirectory {
  return new ApplicationDirectory({ root, applicationId, maxTailBytes: 1 << 20, maxTailAgeMs: 60_000 });
}

/** A tail of shard 0 of `shardCount`, last written at `atMs`. */
async function writeTail(shardCount: number, atMs: number): Promise<void> {
  await using tail = directory().tail(0, shardCount);
  await tail.begin({ sequence: 0, state: {} });
  const path = join(root, APPLICATION_ID, `shards-${shardCount}`, '0');
  for (const name of readdirSync(path)) utimesSync(join(path, name), atMs / 1000, atMs / 1000);
}

describe("an application's directory", () => {
  it('is one of its own below the root', async () => {
    await writeTail(1, 0);
    await directory('200000000000000000').tail(0, 1).begin({ sequence: 0, state: {} });
    expect(readdirSync(root).sort()).toEqual([APPLICATION_ID, '200000000000000000']);
  });

  it('tells the number of shards that was written last, if that is recent enough', async () => {
    expect(await directory().newestShardCount(0)).toBeUndefined();
    await writeTail(2, 5_000);
    await writeTail(4, 9_000);
    await writeTail(3, 7_000);
    expect(await directory().newestShardCount(8_000)).toBe(4);
    expect(await directory().newestShardCount(9_000)).toBeUndefined();
  });

  it('takes guilds for as new as they are, and deletes them with the tails', async () => {
    await writeTail(2, 1_000);
    await writeTail(4, 1_000);
    const path = join(root, APPLICATION_ID, 'shards-2', '0');
    await using guilds = directory().guilds(0, 2, (unreadable) => expect.unreachable(unreadable));
    const checkpoint = { epoch: 'e', sequence: 0, guildIds: [], ownUser: undefined };
    await guilds.begin(checkpoint, () => undefined);
    const [file = ''] = readdirSync(path).filter((name) => name.endsWith('.guilds'));
    utimesSync(join(path, file), 5, 5);
    expect(await directory().newestShardCount(0)).toBe(2);
    await directory().removeOthers(4, 64_000);
    expect(readdirSync(path)).toHaveLength(2);
    await directory().removeOthers(4, 66_000);
    expect(readdirSync(join(root, APPLICATION_ID))).toEqual(['shards-4']);
  });

  it('deletes tails of other numbers of shards once they are too old', async () => {
    for (const [shardCount, atMs] of [
      [1, 1_000],
      [2, 5_000],
      [4, 1_000],
    ] as const)
      await writeTail(shardCount, atMs);
    await directory().removeOthers(4, 62_000);
    expect(readdirSync(join(root, APPLICATION_ID)).sort()).toEqual(['shards-2', 'shards-4']);
  });
});
