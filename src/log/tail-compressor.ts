/**
 * Compresses tail chunks with zstd, and decompresses them, synchronously, in contexts that all tails of the node share. Compressing
 * is on the hot path: Node's asynchronous zstd costs two to four times the CPU, and a context a chunk makes the garbage collector run
 * several times a second (docs/benchmark.md). A tail that is taken over may have thousands of small chunks, of which each
 * would take ten times as long in a context of its own.
 */
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { NativeZlib, OutputBuffer } from '../runtime/native-zlib.ts';
import { contentBytes } from './zstd-frame.ts';

/** Fast rather than small: the tail may take a tenth of the hot path's CPU. */
const COMPRESSION_LEVEL = -3;

/** Many times what the largest chunk can take. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export class TailCompressor implements Disposable {
  #compressor = createCompressor();
  /** Made when it is first needed: most nodes take nothing over for days. */
  #decompressor: NativeZlib | undefined;
  #scratch = Buffer.alloc(0);

  /** The runs end to end as one zstd frame; empty where there are none. */
  compress(runs: readonly Buffer[]): Buffer {
    const [first] = runs;
    if (!first) return Buffer.alloc(0);
    try {
      return Buffer.from(this.#compressor.process(runs.length === 1 ? first : this.#joined(runs)));
    } catch (error) {
      // A native stream is of no use after an error, and all tails share this one.
      this.#compressor[Symbol.dispose]();
      this.#compressor = createCompressor();
      throw error;
    }
  }

  /** What a frame was made of, as a view that the next call overwrites. Throws where it is not whole, or no frame. */
  decompress(frame: Buffer): Buffer {
    if (frame.length === 0) return frame;
    this.#decompressor ??= createDecompressor();
    try {
      const bytes = this.#decompressor.process(frame);
      if (bytes.length === contentBytes(frame)) return bytes;
      throw new Error('a zstd frame is not whole');
    } catch (error) {
      // Nor after half a frame: it would take the next one for the rest.
      this.#decompressor[Symbol.dispose]();
      this.#decompressor = undefined;
      throw error;
    }
  }

  #joined(runs: readonly Buffer[]): Buffer {
    const bytes = runs.reduce((sum, run) => sum + run.length, 0);
    if (this.#scratch.length < bytes) this.#scratch = Buffer.allocUnsafeSlow(bytes);
    let offset = 0;
    for (const run of runs) offset += run.copy(this.#scratch, offset);
    return this.#scratch.subarray(0, bytes);
  }

  [Symbol.dispose](): void {
    this.#compressor[Symbol.dispose]();
    this.#decompressor?.[Symbol.dispose]();
  }
}

function createCompressor(): NativeZlib {
  const params = { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL };
  return new NativeZlib(createZstdCompress({ params }), {
    flush: constants.ZSTD_e_end,
    output: new OutputBuffer(),
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
}

function createDecompressor(): NativeZlib {
  return new NativeZlib(createZstdDecompress(), {
    flush: constants.ZSTD_e_continue,
    output: new OutputBuffer(),
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
}
