import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lockDirectory, StateDirectoryError, TailFiles } from '../../../src/cluster/index.ts';
import type { TailChunk } from '../../../src/log/index.ts';
import { stateDirectory } from '../../support/node.ts';

const KIB = 1024;

function tailFiles(directory: string, maxBytes = 64 * KIB, maxAgeMs = 60_000): TailFiles {
  return new TailFiles({ directory, maxBytes, maxAgeMs });
}

function chunkAt(sequence: number, bytes = KIB, writtenAtMs = 1_000): TailChunk {
  return { afterSequence: sequence, lastSequence: sequence + 1, writtenAtMs, compressed: randomBytes(bytes) };
}

function baseAt(sequence: number) {
  return { sequence, state: { at: sequence } };
}

async function append(
  files: TailFiles,
  from: number,
  to: number,
  nowMs?: (n: number) => number,
): Promise<void> {
  for (let n = from; n < to; n++) {
    const chunk = chunkAt(n, KIB, nowMs?.(n) ?? Date.now());
    await files.append(chunk, () => baseAt(n));
  }
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

it('loads nothing where nothing was kept', async () => {
  using directory = stateDirectory();
  await using files = tailFiles(join(directory.path, 'not', 'yet'));
  expect(await files.load()).toEqual([]);
});

it('loads what an earlier process kept, and goes on behind it', async () => {
  using directory = stateDirectory();
  {
    await using files = tailFiles(directory.path);
    await files.load();
    await files.begin(baseAt(1));
    await append(files, 1, 5);
  }
  await using second = tailFiles(directory.path);
  const [part, ...more] = await second.load();
  expect(more).toEqual([]);
  expect(part?.base).toEqual(baseAt(1));
  expect(part?.chunks.map(({ afterSequence }) => afterSequence)).toEqual([1, 2, 3, 4]);
  await append(second, 5, 7);
  await using third = tailFiles(directory.path);
  const parts = await third.load();
  expect(parts.flatMap(({ chunks }) => chunks).map(({ afterSequence }) => afterSequence)).toEqual([
    1, 2, 3, 4, 5, 6,
  ]);
  // Each file can be read by itself.
  for (const { base, chunks } of parts) expect(chunks[0]?.afterSequence).toBe(base.sequence);
});

it('stays within its bytes and keeps the newest without a hole', async () => {
  using directory = stateDirectory();
  const maxBytes = 64 * KIB;
  await using files = tailFiles(directory.path, maxBytes);
  await files.load();
  await files.begin(baseAt(0));
  for (let n = 0; n < 300; n += 10) {
    await append(files, n, n + 10);
    expect(bytesIn(directory.path)).toBeLessThanOrEqual(maxBytes + 2 * KIB);
    expect(files.bytes).toBe(bytesIn(directory.path));
  }
  const kept = (await tailFiles(directory.path).load()).flatMap(({ chunks }) => chunks);
  expect(kept.at(-1)?.afterSequence).toBe(299);
  expect(kept.length).toBeGreaterThan(40);
  kept.forEach(({ afterSequence }, i) => {
    expect(afterSequence).toBe(300 - kept.length + i);
  });
});

it('drops what is too old', async () => {
  using directory = stateDirectory();
  const maxBytes = 1024 * KIB;
  const start = Date.now();
  await using files = tailFiles(directory.path, maxBytes, 10_000);
  await files.load();
  await files.begin(baseAt(0));
  await append(files, 0, 500, (n) => start + n * 100);
  const kept = (await tailFiles(directory.path).load()).flatMap(({ chunks }) => chunks);
  // The newest 10 s are 100 chunks, and files go as a whole: of 128 KiB each.
  expect(kept.length).toBeLessThan(100 + 2 * 130);
  expect(kept.length).toBeGreaterThanOrEqual(100);
});

it('begins anew without a trace of what was', async () => {
  using directory = stateDirectory();
  await using files = tailFiles(directory.path);
  await files.load();
  await files.begin(baseAt(0));
  await append(files, 0, 30);
  await files.begin(baseAt(1));
  await append(files, 1, 3);
  const parts = await tailFiles(directory.path).load();
  expect(parts.map(({ base }) => base)).toEqual([baseAt(1)]);
  expect(parts[0]?.chunks.map(({ afterSequence }) => afterSequence)).toEqual([1, 2]);
});

it('asks for the base of a new file before anything else can happen', async () => {
  using directory = stateDirectory();
  await using files = tailFiles(directory.path);
  let asked = false;
  const appended = files.append(chunkAt(0), () => {
    asked = true;
    return baseAt(0);
  });
  expect(asked).toBe(true);
  await appended;
});

it('keeps the last file, however old, until the next has its base', async () => {
  using directory = stateDirectory();
  {
    await using files = tailFiles(directory.path, 64 * KIB, 10);
    await files.begin(baseAt(0));
    await append(files, 0, 1, () => 1);
  }
  await using second = tailFiles(directory.path, 64 * KIB, 10);
  await second.load();
  const old = readdirSync(directory.path);
  const appended = second.append(chunkAt(1, KIB, Date.now() + 60_000), () => baseAt(1));
  expect(readdirSync(directory.path)).toEqual(old);
  await appended;
  const [part, ...more] = await tailFiles(directory.path).load();
  expect([part?.base, more]).toEqual([baseAt(1), []]);
});

it('the lock of a node that crashed is free, and a directory that can not be made is named with its setting', async () => {
  using directory = stateDirectory();
  writeFileSync(join(directory.path, 'lock.sock'), '');
  await using lock = await lockDirectory(directory.path);
  expect(lock).toBeDefined();
  const inFile = join(directory.path, 'identify-slots.json', 'x');
  writeFileSync(join(directory.path, 'identify-slots.json'), '');
  await expect(lockDirectory(inFile)).rejects.toThrow(/^tail\.directory: .* can not be made: ENOTDIR/);
});

it('one file that can not be read leaves the others', async () => {
  using directory = stateDirectory();
  {
    await using files = tailFiles(directory.path);
    await files.begin(baseAt(1));
    await append(files, 1, 3);
  }
  mkdirSync(join(directory.path, '0000000009.tail'));
  const unreadable: string[] = [];
  const parts = await tailFiles(directory.path).load((path) => unreadable.push(path));
  expect(parts.map(({ base }) => base)).toEqual([baseAt(1)]);
  expect(unreadable).toEqual([join(directory.path, '0000000009.tail')]);
});

it('one directory has one node at a time, by whichever path it is named', async () => {
  using directory = stateDirectory();
  const path = join(directory.path, 'state');
  const lock = await lockDirectory(path);
  expect(existsSync(path)).toBe(true);
  await expect(lockDirectory(`${directory.path}/./state/`)).rejects.toThrow(StateDirectoryError);
  await using other = await lockDirectory(join(directory.path, 'other'));
  expect(other).toBeDefined();
  await lock[Symbol.asyncDispose]();
  await using again = await lockDirectory(path);
  expect(again).toBeDefined();
});
