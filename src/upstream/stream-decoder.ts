/**
 * Inflates a connection's transport compression synchronously, one decoder a connection: the order of frames is fixed
 * before anybody can wait for anything. On the hot path.
 *
 * It drives the native handle behind Node's zlib streams (`_handle.writeSync` and `_writeState`, undocumented, the same
 * from Node 20 to 26, for zlib and zstd alike), because the asynchronous streams cost five times as much and give results
 * late. `test/contract/stream-decoder.test.ts` fails where a Node version changes that. After an error the handle is
 * closed, and a further write to it would abort the process: hence `#failed`.
 */
import { constants, createInflate, createZstdDecompress } from 'node:zlib';
import type { TransportCompression } from '../protocol/compression.ts';

/** A payload that inflates to more is no payload of Discord's: the largest GUILD_CREATEs have some 10 MB. */
export const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

const INITIAL_OUTPUT_BYTES = 256 * 1024;

/** Corrupt or oversized compressed data: the connection can't be read any further. */
export class DecodeError extends Error {
  override name = 'DecodeError';
}

interface NativeHandle {
  writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputOffset: number,
    outputLength: number,
  ): void;
}

interface DecompressionStream {
  readonly _handle: NativeHandle | null;
  /** [bytes left in the output, bytes left in the input] after a write. */
  readonly _writeState: Uint32Array;
  /** Set at once by a failed write, whose 'error' event comes later. */
  readonly errored: Error | null;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): void;
}

export interface StreamDecoder extends Disposable {
  /**
   * The payload that `frame` completes. The result is a view that the next call overwrites. Throws `DecodeError`.
   */
  decode(frame: Buffer): Buffer;
}

/** A decoder for one connection, or `undefined` where nothing is compressed. */
export function createStreamDecoder(compression: TransportCompression): StreamDecoder | undefined {
  switch (compression) {
    case 'none':
      return undefined;
    case 'zlib-stream':
      return new NativeDecoder(createInflate() as unknown as DecompressionStream, constants.Z_SYNC_FLUSH);
    case 'zstd-stream':
      return new NativeDecoder(
        createZstdDecompress() as unknown as DecompressionStream,
        constants.ZSTD_e_flush,
      );
  }
}

class NativeDecoder implements StreamDecoder {
  readonly #stream: DecompressionStream;
  readonly #flush: number;
  #output = Buffer.allocUnsafeSlow(INITIAL_OUTPUT_BYTES);
  #failed: Error | undefined;

  constructor(stream: DecompressionStream, flush: number) {
    this.#stream = stream;
    this.#flush = flush;
    stream.on('error', (error) => {
      this.#failed ??= error;
    });
  }

  decode(frame: Buffer): Buffer {
    let written = 0;
    let inputOffset = 0;
    for (;;) {
      const handle = this.#stream._handle;
      if (this.#failed || !handle) throw this.#error();
      const room = this.#output.length - written;
      handle.writeSync(
        this.#flush,
        frame,
        inputOffset,
        frame.length - inputOffset,
        this.#output,
        written,
        room,
      );
      if (this.#failed || !this.#stream._handle) throw this.#error();
      const [outputLeft = 0, inputLeft = 0] = this.#stream._writeState;
      written += room - outputLeft;
      inputOffset = frame.length - inputLeft;
      // Room left over means that the decompressor had nothing more to give.
      if (outputLeft > 0) return this.#output.subarray(0, written);
      this.#grow(written);
    }
  }

  [Symbol.dispose](): void {
    this.#failed ??= new Error('the decoder was disposed of');
    this.#stream.close();
  }

  #grow(written: number): void {
    if (this.#output.length >= MAX_INFLATED_BYTES) {
      this.#failed = new Error(`a payload inflates to more than ${MAX_INFLATED_BYTES} bytes`);
      throw this.#error();
    }
    const larger = Buffer.allocUnsafeSlow(this.#output.length * 2);
    this.#output.copy(larger, 0, 0, written);
    this.#output = larger;
  }

  #error(): DecodeError {
    return new DecodeError('compressed data from Discord could not be inflated', {
      cause: this.#failed ?? this.#stream.errored ?? undefined,
    });
  }
}
