import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GuildIndex } from '../../../src/cluster/embedded/guild-index.ts';
import {
  decodeCheckpointRecord,
  decodeGuilds,
  encodeCheckpointRecord,
  encodeGuilds,
  GuildRecordKind,
} from '../../../src/cluster/embedded/guild-record.ts';
import { decodeRecord, RECORD_HEADER_BYTES } from '../../../src/cluster/embedded/record.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/cluster/guild-checkpoint.ts';
import type { GuildCheckpoint, StoredGuild } from '../../../src/guilds/index.ts';
import { Random } from '../../../src/simulator/random.ts';

const CHECKPOINT: GuildCheckpoint = {
  epoch: 'é"\\',
  sequence: 2 ** 40,
  guildIds: ['1', '22'],
  ownUser: { id: '1', name: '名' },
};

function guildOf(guildId: string, bodyBytes: number, pendingBytes: number): StoredGuild {
  return { guildId, sequence: 2 ** 40 + 1, body: randomBytes(bodyBytes), pending: randomBytes(pendingBytes) };
}

const bodyOf = (record: Buffer) => record.subarray(RECORD_HEADER_BYTES);

describe('a record of guilds', () => {
  it('says where in it each body and what is pending are', () => {
    const guilds = [guildOf('1', 0, 0), guildOf('123456789012345678', 500, 3), guildOf('3', 0, 9)];
    const record = encodeGuilds([...guilds, { ...guildOf('4', 0, 5), body: undefined }]);
    expect(decodeRecord(record)?.kind).toBe(GuildRecordKind.Guilds);
    const decoded = decodeGuilds(bodyOf(record));
    expect(decoded?.map(({ guildId, bodyBytes }) => [guildId, bodyBytes])).toEqual([
      ['1', 0],
      ['123456789012345678', 500],
      ['3', 0],
      ['4', undefined],
    ]);
    for (const [index, { sequence, body, pending }] of guilds.entries()) {
      const found = decoded?.[index];
      const { at = 0, bodyBytes = 0, pendingBytes = 0 } = found ?? {};
      expect(found?.sequence).toBe(sequence);
      expect(bodyOf(record).subarray(at, at + bodyBytes)).toEqual(body);
      expect(bodyOf(record).subarray(at + bodyBytes, at + bodyBytes + pendingBytes)).toEqual(pending);
    }
  });

  it('that is cut or has something behind it is none', () => {
    const body = bodyOf(encodeGuilds([guildOf('1', 20, 5), guildOf('2', 20, 5)]));
    const first = bodyOf(encodeGuilds([guildOf('1', 20, 5)])).length;
    for (let length = 0; length < body.length; length++) {
      const decoded = decodeGuilds(body.subarray(0, length));
      expect(decoded?.length, `${length} bytes`).toBe({ 0: 0, [first]: 1 }[length]);
    }
    expect(decodeGuilds(Buffer.concat([body, Buffer.alloc(1)]))).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  it.each([0, 3_000])('comes back, with what it forgets (%i more guilds)', (count) => {
    const guildIds = [...CHECKPOINT.guildIds, ...Array.from({ length: count }, (_, n) => `${n}`)];
    const record = encodeCheckpointRecord({ ...CHECKPOINT, guildIds }, ['7', '8']);
    const decoded = decodeCheckpointRecord(bodyOf(record));
    expect(decoded?.forgotten).toEqual(['7', '8']);
    expect(decoded && decodeCheckpoint(decoded.checkpoint)).toEqual({ ...CHECKPOINT, guildIds });
    expect(record.length).toBeLessThan(count === 0 ? 300 : count * 10);
  });

  it.each([
    {},
    { ...CHECKPOINT, epoch: 1 },
    { ...CHECKPOINT, sequence: '1' },
    { ...CHECKPOINT, guildIds: [1] },
    { ...CHECKPOINT, guildIds: {} },
    { ...CHECKPOINT, ownUser: 'me' },
    { ...CHECKPOINT, ownUser: null },
  ])('that is %j is none', (value) => {
    expect(() => decodeCheckpoint(Buffer.from(JSON.stringify(value)))).toThrow(/is not one/);
  });

  it('that is no JSON is none', () => {
    for (const text of ['', '{', 'nonsense']) expect(() => decodeCheckpoint(Buffer.from(text))).toThrow();
    const whole = encodeCheckpoint({ ...CHECKPOINT, guildIds: Array.from({ length: 500 }, String) });
    expect(() => decodeCheckpoint(whole.subarray(0, whole.length - 5))).toThrow();
  });
});

describe('an index of guilds', () => {
  it('takes in no record of which one guild has no body', () => {
    const index = new GuildIndex();
    const decoded = decodeGuilds(
      bodyOf(encodeGuilds([guildOf('1', 5, 5), { ...guildOf('2', 0, 5), body: undefined }])),
    );
    expect(index.put(decoded ?? [], 0)).toBe(false);
    expect(index.guilds.size).toBe(0);
  });

  it('knows what a file would take that has each guild once, whatever has happened', () => {
    const random = new Random(1);
    const index = new GuildIndex();
    const model = new Map<string, StoredGuild>();
    for (let round = 0; round < 500; round++) {
      const guild = guildOf(String(random.below(30)), random.below(50), random.below(20));
      const known = model.get(guild.guildId);
      const change = known && random.below(2) === 0 ? { ...guild, body: undefined } : guild;
      index.put(decodeGuilds(bodyOf(encodeGuilds([change]))) ?? [], round * 1_000);
      model.set(guild.guildId, { ...guild, body: change.body ?? known?.body });
      if (random.below(10) === 0) {
        index.forget([guild.guildId, 'unknown']);
        model.delete(guild.guildId);
      }
      expect(index.liveBytes).toBe(bodyOf(encodeGuilds([...model.values()])).length);
    }
  });

  it('forgets by a checkpoint what is not in it, unless that has gone on since', () => {
    const index = new GuildIndex();
    const at = (guildId: string, sequence: number) => ({ ...guildOf(guildId, 1, 1), sequence });
    index.put(decodeGuilds(bodyOf(encodeGuilds([at('1', 5), at('2', 5), at('3', 6), at('4', 4)]))) ?? [], 0);
    expect(index.forgottenBy({ ...CHECKPOINT, sequence: 5, guildIds: ['1', '9'] })).toEqual(['2', '4']);
  });
});
