/**
 * Compresses guild bodies with zstd, and decompresses them, synchronously, in contexts that all shards of a node share. A frame
 * has no dictionary and knows its size, so that any process can read what another one has stored.
 */
import { constants, createZstdCompress, createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { NativeZlib, OutputBuffer } from '../runtime/native-zlib.ts';
import { TextWriter } from './text-writer.ts';

/** A typical guild of 51 kB takes 6.4 kB and 65 us; at level 9 5.9 kB and 340 us. */
const COMPRESSION_LEVEL = 3;

/** Many times what the largest guild takes. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

export interface CompressedText {
  readonly frame: Buffer;
  /** Of the text, in UTF-8. */
  readonly textBytes: number;
}

export class GuildCompressor implements Disposable {
  /** Here because it is shared as widely. */
  readonly writer = new TextWriter();
  readonly #output = new OutputBuffer();
  #scratch = Buffer.alloc(0);
  #compressor = createCompressor(this.#output);
  #decompressor = createDecompressor(this.#output);

  /**
   * Copies of what is large and short-lived are avoided here and elsewhere: the allocator fills the holes they leave with frames, and
   * gives little of that back.
   */
  compressText(text: string): CompressedText {
    // At most three bytes for each unit of a string.
    if (this.#scratch.length < text.length * 3) this.#scratch = Buffer.allocUnsafeSlow(text.length * 4);
    const textBytes = this.#scratch.write(text);
    return { frame: this.compress(this.#scratch.subarray(0, textBytes)), textBytes };
  }

  compress(text: Buffer): Buffer {
    try {
      const view = this.#compressor.process(text);
      // Not from Node's shared pool, where a small one would keep others alive.
      const frame = Buffer.allocUnsafeSlow(view.length);
      view.copy(frame);
      return frame;
    } catch (error) {
      // A native stream is of no use after an error.
      this.#compressor[Symbol.dispose]();
      this.#compressor = createCompressor(this.#output);
      throw error;
    }
  }

  /** What a frame of this process was made of, as a view that the next call overwrites. Throws where that is not `textBytes` long. */
  decompress(frame: Buffer, textBytes: number): Buffer {
    try {
      const text = this.#decompressor.process(frame);
      if (text.length === textBytes) return text;
      throw new Error('a guild snapshot is not whole');
    } catch (error) {
      // Nor after half a frame: it would take the next one for the rest.
      this.#decompressor[Symbol.dispose]();
      this.#decompressor = createDecompressor(this.#output);
      throw error;
    }
  }

  /** The same of a frame from elsewhere. Throws where it is not whole, or no frame. */
  decompressForeign(frame: Buffer): Buffer {
    return zstdDecompressSync(frame, { maxOutputLength: MAX_OUTPUT_BYTES });
  }

  [Symbol.dispose](): void {
    this.#compressor[Symbol.dispose]();
    this.#decompressor[Symbol.dispose]();
  }
}

function createCompressor(output: OutputBuffer): NativeZlib {
  const params = { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL };
  return new NativeZlib(createZstdCompress({ params }), {
    flush: constants.ZSTD_e_end,
    output,
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
}

function createDecompressor(output: OutputBuffer): NativeZlib {
  return new NativeZlib(createZstdDecompress(), {
    flush: constants.ZSTD_e_continue,
    output,
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
}
