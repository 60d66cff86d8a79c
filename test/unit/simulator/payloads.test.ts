import zlib, { zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { createEncoder } from '../../../src/simulator/encoders.ts';
import { EventTemplates } from '../../../src/simulator/payloads/events.ts';
import { GuildSet } from '../../../src/simulator/payloads/guilds.ts';
import { createUsers } from '../../../src/simulator/payloads/users.ts';
import { Random } from '../../../src/simulator/random.ts';

function generate(count: number) {
  const random = new Random(1);
  const templates = new EventTemplates(random, createUsers(random));
  const guilds = new GuildSet(2, 4, 5);
  return Array.from({ length: count }, () => templates.next(guilds.pick(random), ALL_INTENTS, random)!);
}

describe('generated events', () => {
  test('are JSON of guilds of the shard', () => {
    for (const { d } of generate(2_000)) {
      const body = JSON.parse(d) as { guild_id?: string; id: string };
      expect(Number((BigInt(body.guild_id ?? body.id) >> 22n) % 4n)).toBe(2);
    }
  });

  test('have a median of some 600 bytes and at most some 3 kB', () => {
    const sizes = generate(5_000)
      .map(({ d }) => Buffer.byteLength(d))
      .sort((a, b) => a - b);
    expect(sizes[2_500]).toBeGreaterThan(450);
    expect(sizes[2_500]).toBeLessThan(750);
    expect(sizes.at(-1)).toBeLessThan(3_500);
  });

  test('hold look-alikes of payload headers, as text and as objects', () => {
    const texts = generate(5_000).map(({ d }) => d);
    expect(texts.some((text) => text.includes('\\"t\\":\\"READY\\",\\"s\\":1'))).toBe(true);
    expect(texts.some((text) => text.includes('{"t":"GUILD_DELETE","s":'))).toBe(true);
  });

  test('fill every gap', () => {
    expect(generate(5_000).filter(({ d }) => d.includes('@@'))).toEqual([]);
  });
});

describe('the encoders', () => {
  const payloads = Array.from({ length: 200 }, (_, index) =>
    Buffer.from(`{"n":${index},"x":"${'y'.repeat(index * 50)}"}`),
  );
  const large = Buffer.from(new Random(3).next().toString().repeat(60_000));

  test('zlib-stream decodes to what went in, flushed after each message', () => {
    using encoder = createEncoder('zlib-stream');
    const messages = [...payloads, large].map((payload) => encoder.encode(payload).bytes);
    expect(messages.every((message) => message.subarray(-4).toString('hex') === '0000ffff')).toBe(true);
    for (const count of [1, 50, messages.length]) {
      const decoded = zlib.inflateSync(Buffer.concat(messages.slice(0, count)), {
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
      });
      expect(decoded.equals(Buffer.concat([...payloads, large].slice(0, count)))).toBe(true);
    }
  });

  test('zstd-stream decodes to what went in, flushed after each message', () => {
    using encoder = createEncoder('zstd-stream');
    const messages = [...payloads, large].map((payload) => encoder.encode(payload).bytes);
    for (const count of [1, 50, messages.length]) {
      const decoded = zstdDecompressSync(Buffer.concat(messages.slice(0, count)), {
        finishFlush: zlib.constants.ZSTD_e_flush,
      });
      expect(decoded.equals(Buffer.concat([...payloads, large].slice(0, count)))).toBe(true);
    }
  });

  test('handle messages that do not compress and outgrow the scratch buffer', () => {
    using encoder = createEncoder('zlib-stream');
    const random = new Random(9);
    const noise = Buffer.from(Array.from({ length: 700_000 }, () => random.below(256)));
    const bytes = encoder.encode(noise).bytes;
    expect(zlib.inflateSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).equals(noise)).toBe(true);
  });
});
