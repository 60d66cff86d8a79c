/**
 * Turns a payload into the one WebSocket message that carries it, in each of Discord's compressions. Runs per dispatch.
 *
 * Synchronous on purpose: the public streams of node:zlib answer later and one by one, so a burst would take seconds. What is
 * used instead is their undocumented `_handle.writeSync`, the same from Node 20 to 26; encoders.test.ts is its contract.
 */
import * as zlib from 'node:zlib';
import type { TransportCompression } from '../protocol/compression.ts';

export interface EncodedMessage {
  bytes: Buffer;
  binary: boolean;
}

export interface Encoder extends Disposable {
  encode(payload: Buffer): EncodedMessage;
}

/** With `compress: true` in IDENTIFY, payloads from this size on go out compressed, each on its own. */
const PAYLOAD_COMPRESSION_BYTES = 4096;

/** Discord's zstd frames announce a window of 256 KiB. */
const ZSTD_WINDOW_LOG = 18;

const scratch = Buffer.alloc(256 * 1024);

export function createEncoder(compression: TransportCompression): Encoder {
  switch (compression) {
    case 'none':
      return plainEncoder;
    case 'zlib-stream':
      return streamEncoder(zlib.createDeflate({ level: 1 }), zlib.constants.Z_SYNC_FLUSH);
    case 'zstd-stream':
      return streamEncoder(
        zlib.createZstdCompress({
          params: {
            [zlib.constants.ZSTD_c_compressionLevel]: 1,
            [zlib.constants.ZSTD_c_windowLog]: ZSTD_WINDOW_LOG,
            [zlib.constants.ZSTD_c_checksumFlag]: 0,
          },
        }),
        zlib.constants.ZSTD_e_flush,
      );
  }
}

const plainEncoder: Encoder = {
  encode: (bytes) => ({ bytes, binary: false }),
  [Symbol.dispose]: () => {},
};

/** For `compress: true` in IDENTIFY: a whole zlib stream a message, and only where it pays. */
export const payloadEncoder: Encoder = {
  encode: (bytes) =>
    bytes.length < PAYLOAD_COMPRESSION_BYTES
      ? { bytes, binary: false }
      : { bytes: zlib.deflateSync(bytes, { level: 1 }), binary: true },
  [Symbol.dispose]: () => {},
};

interface SyncStream {
  _handle: {
    writeSync(
      flush: number,
      input: Buffer,
      inputOffset: number,
      inputLength: number,
      output: Buffer,
      outputOffset: number,
      outputLength: number,
    ): void;
  };
  /** After a write: unused output bytes, unread input bytes. */
  _writeState: Uint32Array;
  close(): void;
}

function streamEncoder(compressor: zlib.Zlib, flush: number): Encoder {
  // The reason for the cast: these members exist at run time and in no declaration.
  const stream = compressor as unknown as SyncStream;
  return {
    encode(payload) {
      const parts: Buffer[] = [];
      let offset = 0;
      let unread = payload.length;
      for (;;) {
        stream._handle.writeSync(flush, payload, offset, unread, scratch, 0, scratch.length);
        const unused = stream._writeState[0] ?? 0;
        parts.push(Buffer.from(scratch.subarray(0, scratch.length - unused)));
        offset = payload.length - (stream._writeState[1] ?? 0);
        unread = payload.length - offset;
        if (unused > 0) break;
      }
      const [only] = parts;
      return { bytes: parts.length === 1 && only ? only : Buffer.concat(parts), binary: true };
    },
    [Symbol.dispose]: () => stream.close(),
  };
}
