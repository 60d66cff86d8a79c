/**
 * Inflates a connection's transport compression synchronously, one decoder a connection: the order of frames is fixed
 * before anybody can wait for anything. On the hot path.
 */
import { constants, createInflate, createZstdDecompress } from 'node:zlib';
import type { TransportCompression } from '../protocol/compression.ts';
import { NativeZlib, OutputBuffer } from '../runtime/native-zlib.ts';

/** A payload that inflates to more is no payload of Discord's: the largest GUILD_CREATEs have some 10 MB. */
export const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/** One for all connections: a payload is copied into its log before the next is decoded. */
const output = new OutputBuffer();

export interface StreamDecoder extends Disposable {
  /** The payload in `frame`, as a view that the next call, of any decoder, overwrites. Throws `NativeZlibError`, and then always. */
  decode(frame: Buffer): Buffer;
}

/** A decoder for one connection, or `undefined` where nothing is compressed. */
export function createStreamDecoder(compression: TransportCompression): StreamDecoder | undefined {
  const maxOutputBytes = MAX_INFLATED_BYTES;
  switch (compression) {
    case 'none':
      return undefined;
    case 'zlib-stream':
      return decoder(
        new NativeZlib(createInflate(), { flush: constants.Z_SYNC_FLUSH, output, maxOutputBytes }),
      );
    case 'zstd-stream':
      return decoder(
        new NativeZlib(createZstdDecompress(), { flush: constants.ZSTD_e_flush, output, maxOutputBytes }),
      );
  }
}

function decoder(zlib: NativeZlib): StreamDecoder {
  return { decode: (frame) => zlib.process(frame), [Symbol.dispose]: () => zlib[Symbol.dispose]() };
}
