/**
 * Drives a zlib or zstd stream of Node's synchronously and over again: one native context, one output buffer. On the hot
 * path. Node's own synchronous functions make a context a call, and its streams answer later and for five times the CPU.
 *
 * It uses the native handle behind the streams (`_handle.writeSync` and `_writeState`: undocumented, the same from Node 20
 * to 26, for zlib and zstd alike). `test/contract/` fails where a Node version changes that. After an error the handle is
 * closed, and a further write to it would abort the process: hence `#failed`.
 */
import type { Transform } from 'node:stream';

/** Corrupt input, output over the limit, or use after the end: the stream can't go on. */
export class NativeZlibError extends Error {
  override name = 'NativeZlibError';
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

interface NativeStream {
  readonly _handle: NativeHandle | null;
  /** [bytes left in the output, bytes left in the input] after a write. */
  readonly _writeState: Uint32Array;
  /** Set at once by a failed write, whose 'error' event comes later. */
  readonly errored: Error | null;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): void;
}

const INITIAL_OUTPUT_BYTES = 256 * 1024;

/** Room for output. Those who copy what they get before they yield may share one: it grows to the largest output ever. */
export class OutputBuffer {
  bytes = Buffer.allocUnsafeSlow(INITIAL_OUTPUT_BYTES);
}

export interface NativeZlibOptions {
  readonly output: OutputBuffer;
  /** The flush to end each input with, from `zlib.constants`. */
  readonly flush: number;
  readonly maxOutputBytes: number;
}

export class NativeZlib implements Disposable {
  readonly #stream: NativeStream;
  readonly #options: NativeZlibOptions;
  #failed: Error | undefined;

  /** Takes over `stream`, made by a `create…` function of node:zlib; nobody else may use it. */
  constructor(stream: Transform, options: NativeZlibOptions) {
    this.#stream = stream as unknown as NativeStream;
    this.#options = options;
    this.#stream.on('error', (error) => {
      this.#failed ??= error;
    });
  }

  /** All output of `input`, as a view that the next call with this output buffer overwrites. Throws `NativeZlibError`, and then always. */
  process(input: Buffer): Buffer {
    const { flush, output } = this.#options;
    let written = 0;
    let inputOffset = 0;
    for (;;) {
      const handle = this.#stream._handle;
      if (this.#failed || !handle) throw this.#error();
      const room = output.bytes.length - written;
      handle.writeSync(flush, input, inputOffset, input.length - inputOffset, output.bytes, written, room);
      if (this.#failed || !this.#stream._handle) throw this.#error();
      const [outputLeft = 0, inputLeft = 0] = this.#stream._writeState;
      written += room - outputLeft;
      inputOffset = input.length - inputLeft;
      // Room left over means that there was nothing more to come.
      if (outputLeft > 0) return output.bytes.subarray(0, written);
      this.#grow(written);
    }
  }

  [Symbol.dispose](): void {
    this.#failed ??= new Error('it was disposed of');
    this.#stream.close();
  }

  #grow(written: number): void {
    const { maxOutputBytes, output } = this.#options;
    if (output.bytes.length >= maxOutputBytes) {
      this.#failed = new Error(`the output has more than ${maxOutputBytes} bytes`);
      throw this.#error();
    }
    const larger = Buffer.allocUnsafeSlow(output.bytes.length * 2);
    output.bytes.copy(larger, 0, 0, written);
    output.bytes = larger;
  }

  #error(): NativeZlibError {
    const cause = this.#failed ?? this.#stream.errored ?? undefined;
    return new NativeZlibError(`compressed data could not be processed${cause ? `: ${cause.message}` : ''}`, {
      cause,
    });
  }
}
