/** A shard's guilds on disk: what crashes leave of them, and how large they get. What every store does is in test/contract/cluster. */
import { hash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuildFiles, REWRITE_FACTOR, REWRITE_FROM_BYTES } from '../../../src/cluster/embedded/guild-files.ts';
import { GuildRecordKind } from '../../../src/cluster/embedded/guild-record.ts';
import { encodeRecord, RECORD_HEADER_BYTES, recordBytes } from '../../../src/cluster/embedded/record.ts';
import { type GuildCheckpoint, type StoredGuild, StoredGuildsLostError } from '../../../src/guilds/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { type StateDirectory, stateDirectory } from '../../support/node.ts';

const KIB = 1024;

/** Refuses every write, as a disk that is full does. */
const FULL_DISK = '/dev/full';

const mayWrite = () => undefined;

let root: StateDirectory;
let unreadable: string[];

beforeEach(() => {
  root = stateDirectory();
  unreadable = [];
});

afterEach(() => root[Symbol.dispose]());

function open(directory = root.path): GuildFiles {
  return new GuildFiles(directory, (path) => unreadable.push(path));
}

function checkpointAt(sequence: number, guildIds: readonly string[] = []): GuildCheckpoint {
  return { epoch: 'e', sequence, guildIds, ownUser: undefined };
}

function guildAt(guildId: string, sequence: number, bytes = 20): StoredGuild {
  return { guildId, sequence, body: randomBytes(bytes), pending: randomBytes(bytes / 4) };
}

interface Content {
  readonly checkpoint: GuildCheckpoint;
  /** As `shown` shows them. */
  readonly guilds: readonly string[];
}

/** To compare large buffers byte by byte takes longer than all the rest. */
function shown({ guildId, sequence, body, pending }: StoredGuild): string {
  const digests = [body ?? Buffer.alloc(0), pending].map((bytes) => hash('sha1', bytes));
  return `${guildId} as of ${sequence}: ${digests.join(' ')}`;
}

async function contentOf(files: GuildFiles): Promise<Content | undefined> {
  const stored = await files.load();
  if (!stored) return undefined;
  const guilds: string[] = [];
  for await (const batch of stored.guilds) guilds.push(...batch.map(shown));
  return { checkpoint: stored.checkpoint, guilds: guilds.sort() };
}

const pathOf = (number: number) => join(root.path, `${String(number).padStart(10, '0')}.guilds`);

const guildFilesIn = () => readdirSync(root.path).filter((name) => name.endsWith('.guilds'));

/** Writes some of everything; what there was after each write, and where in the file that ends. */
async function writeHistory(): Promise<{ readonly end: number; readonly content: Content | undefined }[]> {
  await using files = open();
  const states: { end: number; content: Content | undefined }[] = [];
  const writes = [
    () => files.begin(checkpointAt(1, ['1', '2']), mayWrite),
    () => files.put([guildAt('1', 2), guildAt('2', 2)], mayWrite),
    () => files.put([{ ...guildAt('1', 3), body: undefined }], mayWrite),
    () => files.commit(checkpointAt(3, ['1']), mayWrite),
    () => files.put([guildAt('3', 4), { ...guildAt('1', 4), body: Buffer.alloc(0) }], mayWrite),
    () => files.commit(checkpointAt(4, ['3', '1']), mayWrite),
  ];
  for (const write of writes) {
    await write();
    states.push({ end: files.bytes, content: await contentOf(files) });
  }
  return states;
}

describe('a file of guilds', () => {
  it('that was torn off anywhere has the last state that is whole in it, and can be written on', async () => {
    const states = await writeHistory();
    const whole = readFileSync(pathOf(1));
    expect(whole.length).toBe(states.at(-1)?.end);
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(pathOf(1), whole.subarray(0, length));
      const expected = states.findLast(({ end }) => end <= length)?.content;
      await using files = open();
      expect(await contentOf(files), `${length} bytes`).toEqual(expected);
      if (!expected) continue;
      const next = guildAt('9', 9);
      await files.put([next], mayWrite);
      await using again = open();
      expect(await contentOf(again)).toEqual({ ...expected, guilds: [...expected.guilds, shown(next)] });
    }
    expect(unreadable).toEqual([]);
  });

  it('in which a byte is wrong has the last state before it, wherever it is', async () => {
    const states = await writeHistory();
    const whole = readFileSync(pathOf(1));
    for (let at = 0; at < whole.length; at++) {
      const corrupt = Buffer.from(whole);
      corrupt[at] = (corrupt[at] ?? 0) ^ 0x10;
      writeFileSync(pathOf(1), corrupt);
      await using files = open();
      expect(await contentOf(files), `byte ${at}`).toEqual(states.findLast(({ end }) => end <= at)?.content);
    }
  });

  it('that somebody has cut or deleted is no longer what was written', async () => {
    for (const spoil of [() => rmSync(pathOf(1)), () => writeFileSync(pathOf(1), 'x')]) {
      await writeHistory();
      await using files = open();
      await contentOf(files);
      spoil();
      await expect(files.put([guildAt('1', 9)], mayWrite)).rejects.toBeInstanceOf(StoredGuildsLostError);
      expect(await contentOf(files)).toBeUndefined();
      await files.begin(checkpointAt(1), mayWrite);
      expect(await contentOf(files)).toEqual({ checkpoint: checkpointAt(1), guilds: [] });
      root[Symbol.dispose]();
      root = stateDirectory();
    }
  });

  it('is gone on with behind what a failed write left of itself', async () => {
    const before = (await writeHistory()).at(-1)?.content;
    await using files = open();
    await contentOf(files);
    appendFileSync(pathOf(1), randomBytes(50));
    const next = guildAt('9', 9);
    await files.put([next], mayWrite);
    await using again = open();
    expect((await contentOf(again))?.guilds).toEqual([...(before?.guilds ?? []), shown(next)]);
  });

  it('can be read by nobody else', async () => {
    await using files = open(join(root.path, 'a', 'b'));
    await files.begin(checkpointAt(1), mayWrite);
    expect(statSync(join(root.path, 'a', 'b')).mode & 0o777).toBe(0o700);
    expect(statSync(join(root.path, 'a', 'b', '0000000001.guilds')).mode & 0o777).toBe(0o600);
  });

  it('that can not be read is told and passed over, and goes with the next write', async () => {
    const content = (await writeHistory()).at(-1)?.content;
    mkdirSync(pathOf(7));
    await using files = open();
    expect(await contentOf(files)).toEqual(content);
    expect(unreadable).toEqual([pathOf(7)]);
    await files.put([guildAt('9', 9)], mayWrite);
    expect(guildFilesIn()).toEqual(['0000000001.guilds']);
  });
});

it('a checkpoint that can not be understood is told, and nothing is stored', async () => {
  const foreign = Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('[]{"epoch":7}')]);
  writeFileSync(pathOf(1), encodeRecord(GuildRecordKind.Checkpoint, [foreign]));
  await using files = open();
  expect(await contentOf(files)).toBeUndefined();
  expect(unreadable).toEqual([pathOf(1)]);
  await files.begin(checkpointAt(1), mayWrite);
  expect((await contentOf(files))?.checkpoint).toEqual(checkpointAt(1));
});

describe('copying what lives', () => {
  /** Puts guilds at random until there have been so many copies; what there should be then. */
  async function writeAtRandom(
    files: GuildFiles,
    random: Random,
    copies: number,
  ): Promise<Map<string, StoredGuild>> {
    const model = new Map<string, StoredGuild>();
    await files.begin(checkpointAt(0), mayWrite);
    const firstNumber = Number.parseInt(guildFilesIn()[0] ?? '', 10);
    for (let sequence = 1; Number.parseInt(guildFilesIn()[0] ?? '', 10) < firstNumber + copies; sequence++) {
      const guildId = String(1 + random.below(60));
      const known = model.get(guildId);
      const guild = guildAt(guildId, sequence, 1 + random.below(8 * KIB));
      const change = known && random.below(2) === 0 ? { ...guild, body: undefined } : guild;
      await files.put([change], mayWrite);
      model.set(guildId, { ...guild, body: change.body ?? known?.body });
      if (sequence % 50 === 0) {
        const stay = [...model.keys()].filter(() => random.below(10) > 0);
        await files.commit(checkpointAt(sequence, stay), mayWrite);
        for (const id of [...model.keys()]) if (!stay.includes(id)) model.delete(id);
      }
      expectBounded(files, model);
    }
    return model;
  }

  function expectBounded(files: GuildFiles, model: ReadonlyMap<string, StoredGuild>): void {
    // Of one guild in its record, of a record, and of a checkpoint of so few.
    const overheadBytes = 50;
    const liveBytes = [...model.values()].reduce(
      (sum, { body, pending }) => sum + (body?.length ?? 0) + pending.length + overheadBytes,
      500,
    );
    const putBytes = 11 * KIB;
    expect(files.bytes).toBeLessThanOrEqual(
      Math.max(REWRITE_FROM_BYTES, REWRITE_FACTOR * liveBytes) + putBytes,
    );
    expect(guildFilesIn()).toHaveLength(1);
  }

  it.each([1, 2, 3])('keeps the file within its bound, and everything in it (seed %i)', async (seed) => {
    await using files = open();
    const model = await writeAtRandom(files, new Random(seed), 3);
    const expected = [...model.values()].map(shown).sort();
    expect((await contentOf(files))?.guilds).toEqual(expected);
    await using again = open();
    expect(await contentOf(again)).toEqual(await contentOf(files));
    expect(statSync(join(root.path, guildFilesIn()[0] ?? '')).size).toBe(files.bytes);
  });

  it('that was not completed leaves the old file, wherever it broke off', async () => {
    await using files = open();
    await writeAtRandom(files, new Random(4), 1);
    const content = await contentOf(files);
    const copy = readFileSync(pathOf(2));
    const guilds = withoutCheckpoint(copy);
    expect(guilds.length).toBeGreaterThan(100 * KIB);
    for (let length = 0; length < guilds.length + 5 * KIB; length += 5 * KIB) {
      cpSync(pathOf(2), pathOf(1));
      writeFileSync(pathOf(3), guilds.subarray(0, length));
      await using next = open();
      expect(await contentOf(next)).toEqual(content);
      await next.put([], mayWrite);
      expect(guildFilesIn()).toEqual(['0000000002.guilds']);
    }
  });

  it('that was completed counts, though the old file is still there', async () => {
    await using files = open();
    await files.begin(checkpointAt(1), mayWrite);
    cpSync(pathOf(1), pathOf(3));
    await files.begin(checkpointAt(2), mayWrite);
    await using next = open();
    expect((await contentOf(next))?.checkpoint).toEqual(checkpointAt(1));
    await next.commit(checkpointAt(3), mayWrite);
    expect(guildFilesIn()).toEqual(['0000000003.guilds']);
  });

  it('leaves a reader what it reads', async () => {
    await using files = open();
    await files.begin(checkpointAt(0), mayWrite);
    const guilds = Array.from({ length: 12 }, (_, n) => guildAt(String(n), 1, 100 * KIB));
    for (const guild of guilds) await files.put([guild], mayWrite);
    const reading = (await files.load())?.guilds[Symbol.asyncIterator]();
    const read = [...((await reading?.next())?.value ?? [])] as StoredGuild[]; // It is not done: more than a batch is there.
    for (const guild of [...guilds, ...guilds])
      await files.put([guildAt(guild.guildId, 2, 100 * KIB)], mayWrite);
    expect(guildFilesIn()).not.toEqual(['0000000001.guilds']);
    for (let next = await reading?.next(); next && !next.done; next = await reading?.next())
      read.push(...next.value);
    expect(read.map(shown)).toEqual(guilds.map(shown));
  });

  it('to a disk that is full fails and leaves what there is, and is tried again', async () => {
    await using files = open();
    const guild = guildAt('1', 1, 300 * KIB);
    await files.begin(checkpointAt(0), mayWrite);
    for (let times = 0; times < 3; times++) await files.put([guild], mayWrite);
    symlinkSync(FULL_DISK, pathOf(2));
    await expect(files.put([guildAt('1', 2)], mayWrite)).rejects.toThrow(/ENOSPC/);
    expect((await contentOf(files))?.guilds).toEqual([shown(guild)]);
    const next = guildAt('1', 3);
    await files.put([next], mayWrite);
    expect((await contentOf(files))?.guilds).toEqual([shown(next)]);
    expect(guildFilesIn()).toEqual(['0000000003.guilds']);
  });
});

it('to begin on a disk that is full makes room of what is forgotten', async () => {
  await using files = open();
  await files.begin(checkpointAt(1), mayWrite);
  symlinkSync(FULL_DISK, pathOf(2));
  await files.begin(checkpointAt(2), mayWrite);
  expect(guildFilesIn()).toEqual(['0000000003.guilds']);
  expect((await contentOf(files))?.checkpoint).toEqual(checkpointAt(2));
});

it('where nothing can be begun nothing is stored, until it can', async () => {
  await using files = open();
  await files.begin(checkpointAt(1), mayWrite);
  for (const number of [2, 3]) symlinkSync(FULL_DISK, pathOf(number));
  await expect(files.begin(checkpointAt(2), mayWrite)).rejects.toThrow(/ENOSPC/);
  expect(await contentOf(files)).toBeUndefined();
  await expect(files.put([guildAt('1', 2)], mayWrite)).rejects.toBeInstanceOf(StoredGuildsLostError);
  await files.begin(checkpointAt(3), mayWrite);
  expect((await contentOf(files))?.checkpoint).toEqual(checkpointAt(3));
  expect(guildFilesIn()).toEqual(['0000000004.guilds']);
});

/** What is copied before the checkpoint that makes a copy complete. */
function withoutCheckpoint(file: Buffer): Buffer {
  let end = 0;
  while (file.readUInt8(end + RECORD_HEADER_BYTES - 1) !== GuildRecordKind.Checkpoint)
    end += recordBytes(file.subarray(end));
  return file.subarray(0, end);
}
