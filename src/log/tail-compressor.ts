/**
 * Compresses tail chunks with zstd, synchronously, in one context that all tails of the node share. On the hot path: Node's
 * asynchronous zstd costs two to four times the CPU, and a context a chunk makes the garbage collector run several times a
 * second (docs/benchmark.md).
 */
import { constants, createZstdCompress } from 'node:zlib';
import { NativeZlib, OutputBuffer } from '../runtime/native-zlib.ts';

/** Fast rather than small: the tail may take a tenth of the hot path's CPU. */
const COMPRESSION_LEVEL = -3;

/** Many times what the largest chunk can take. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export class TailCompressor implements Disposable {
  #zstd = createCompressor();
  #scratch = Buffer.alloc(0);

  /** The runs end to end as one zstd frame; empty where there are none. */
  compress(runs: readonly Buffer[]): Buffer {
    const [first] = runs;
    if (!first) return Buffer.alloc(0);
    try {
      return Buffer.from(this.#zstd.process(runs.length === 1 ? first : this.#joined(runs)));
    } catch (error) {
      // A native stream is of no use after an error, and all tails share this one.
      this.#zstd[Symbol.dispose]();
      this.#zstd = createCompressor();
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
    this.#zstd[Symbol.dispose]();
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
