/** What we rest on in Node's zlib streams (src/runtime/native-zlib.ts): undocumented, so pinned here for every Node version that runs this. */
import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { NativeZlibError } from '../../src/runtime/native-zlib.ts';
import { createEncoder } from '../../src/simulator/encoders.ts';
import { Random } from '../../src/simulator/random.ts';
import {
  createStreamDecoder,
  MAX_INFLATED_BYTES,
  type StreamDecoder,
} from '../../src/upstream/stream-decoder.ts';

const COMPRESSIONS = ['zlib-stream', 'zstd-stream'] as const;

function decoderOf(compression: (typeof COMPRESSIONS)[number]): StreamDecoder {
  const decoder = createStreamDecoder(compression);
  if (!decoder) throw new Error('no decoder');
  return decoder;
}

it('makes no decoder where nothing is compressed', () => {
  expect(createStreamDecoder('none')).toBeUndefined();
});

describe.each(COMPRESSIONS)('%s', (compression) => {
  it('gives each payload at once, at sizes around those of its buffers', () => {
    using encoder = createEncoder(compression);
    using decoder = decoderOf(compression);
    const KIB = 1024;
    const sizes = [
      1,
      2,
      100,
      65_535,
      256 * KIB - 1,
      256 * KIB,
      256 * KIB + 1,
      512 * KIB,
      3_000_000,
      1,
      256 * KIB,
      7,
    ];
    for (const size of sizes) {
      const payload = Buffer.from(
        randomBytes(Math.ceil(size / 2))
          .toString('hex')
          .slice(0, size),
      );
      const decoded = decoder.decode(encoder.encode(payload).bytes);
      expect(decoded.length).toBe(size);
      expect(decoded.equals(payload)).toBe(true);
    }
  });

  it('decodes a long connection of payloads of every size without a difference', () => {
    using encoder = createEncoder(compression);
    using decoder = decoderOf(compression);
    const random = new Random(5);
    for (let round = 0; round < 3_000; round++) {
      const text = 'abcdefgh"{}é'.repeat(random.below(random.below(100) === 0 ? 20_000 : 100));
      const payload = Buffer.from(`${round}${text}`);
      if (!decoder.decode(encoder.encode(payload).bytes).equals(payload))
        throw new Error(`differs at ${round}`);
    }
  });

  it.each([
    ['garbage', () => Buffer.from('deadbeefdeadbeefcafe', 'hex')],
    ['plain text', () => Buffer.from('{"t":null,"s":null,"op":11,"d":null}')],
  ])('says that %s is broken, and goes on saying it: no later frame can be read', (_, frame) => {
    using encoder = createEncoder(compression);
    using decoder = decoderOf(compression);
    const good = encoder.encode(Buffer.from('good')).bytes;
    const next = encoder.encode(Buffer.from('next')).bytes;
    expect(decoder.decode(good).toString()).toBe('good');
    expect(() => decoder.decode(frame())).toThrow(NativeZlibError);
    // Writing to a handle that has failed would abort the process.
    for (let again = 0; again < 3; again++) expect(() => decoder.decode(next)).toThrow(NativeZlibError);
  });

  it('survives every corruption of a frame: an error or a payload, never an abort', async () => {
    const random = new Random(9);
    for (let round = 0; round < 300; round++) {
      using encoder = createEncoder(compression);
      using decoder = decoderOf(compression);
      decoder.decode(encoder.encode(Buffer.from('first payload')).bytes);
      const frame = Buffer.from(encoder.encode(Buffer.from('x'.repeat(random.below(2_000)))).bytes);
      for (let flips = 1 + random.below(4); flips > 0; flips--)
        frame[random.below(frame.length)] = random.below(256);
      const given = random.below(3) === 0 ? frame.subarray(0, random.below(frame.length + 1)) : frame;
      try {
        decoder.decode(given);
        decoder.decode(encoder.encode(Buffer.from('after')).bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(NativeZlibError);
      }
    }
    // 'error' events come later than the failed write: none may be unhandled.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('refuses a payload that inflates to more than the limit', () => {
    using decoder = decoderOf(compression);
    const bomb = Buffer.alloc(MAX_INFLATED_BYTES + 1);
    const frame = compression === 'zlib-stream' ? zlib.deflateSync(bomb) : zlib.zstdCompressSync(bomb);
    expect(() => decoder.decode(frame)).toThrow(/more than/);
    expect(() => decoder.decode(frame)).toThrow(NativeZlibError);
  });

  it('refuses what comes after it was disposed of', () => {
    using encoder = createEncoder(compression);
    const decoder = decoderOf(compression);
    decoder[Symbol.dispose]();
    decoder[Symbol.dispose]();
    expect(() => decoder.decode(encoder.encode(Buffer.from('late')).bytes)).toThrow(NativeZlibError);
  });
});
