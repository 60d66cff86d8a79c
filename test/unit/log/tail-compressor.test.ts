import { zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { TailCompressor } from '../../../src/log/index.ts';
import { contentBytes } from '../../../src/log/zstd-frame.ts';
import { Random } from '../../../src/simulator/random.ts';

/** Sizes around those at which a frame says its size in more bytes, and beyond the first output buffer. */
const SIZES = [1, 255, 256, 257, 65_535 + 256, 65_536 + 256, 300_000, 2_000_000];

function textOf(bytes: number, seed: number): Buffer {
  const random = new Random(seed);
  return Buffer.from(Array.from({ length: bytes }, () => 97 + random.below(16)));
}

it('gives back what it compressed, whatever the size and the order', () => {
  using compressor = new TailCompressor();
  const texts = SIZES.map((bytes, seed) => textOf(bytes, seed));
  const frames = texts.map((text) => compressor.compress([text]));
  for (const index of [...SIZES.keys(), ...[...SIZES.keys()].reverse()])
    expect(compressor.decompress(frames[index]!).equals(texts[index]!)).toBe(true);
});

it('takes nothing for nothing', () => {
  using compressor = new TailCompressor();
  expect(compressor.decompress(compressor.compress([]))).toHaveLength(0);
});

it.each([1, 20, 5_000])('refuses a frame that lacks its last %i bytes, and takes the next', (missing) => {
  using compressor = new TailCompressor();
  const text = textOf(300_000, 1);
  const frame = compressor.compress([text]);
  expect(() => compressor.decompress(frame.subarray(0, frame.length - missing))).toThrow();
  expect(compressor.decompress(frame).equals(text)).toBe(true);
});

it('refuses what is no frame, and takes the next', () => {
  using compressor = new TailCompressor();
  const frame = compressor.compress([Buffer.from('abc')]);
  for (const noFrame of [Buffer.from('{"t":"X"}'), Buffer.from([1]), frame.subarray(0, 5)]) {
    expect(() => compressor.decompress(noFrame)).toThrow();
    expect(String(compressor.decompress(frame))).toBe('abc');
  }
});

it.each(SIZES)('reads of a frame that it decompresses to %i bytes', (bytes) => {
  expect(contentBytes(zstdCompressSync(textOf(bytes, 1)))).toBe(bytes);
});
