/** A worker below the level of `ws`: bytes on a TCP connection, frames that no library would send. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { eventually } from '../../support/eventually.ts';

export const WebSocketOpcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const;

export interface FrameShape {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** RSV1 is 4, RSV2 2, RSV3 1. */
  readonly rsv?: number;
  readonly mask?: 'right' | 'none' | 'wrong';
  /** What the header says, where that is not the truth. */
  readonly claimedBytes?: number;
}

/** One client frame. */
export function frame(content: string | Buffer, shape: FrameShape = {}): Buffer {
  const { opcode = WebSocketOpcode.Text, fin = true, rsv = 0, mask = 'right' } = shape;
  const payload = Buffer.from(content);
  const length = shape.claimedBytes ?? payload.length;
  const masked = mask === 'none' ? 0 : 0x80;
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const header = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  header[0] = first;
  if (header.length === 2) header[1] = masked | length;
  else if (header.length === 4) header.writeUInt16BE(length, 2);
  else header.writeBigUInt64BE(BigInt(length), 2);
  if (header.length === 4) header[1] = masked | 126;
  if (header.length === 10) header[1] = masked | 127;
  if (mask === 'none') return Buffer.concat([header, payload]);
  const key = randomBytes(4);
  const used = mask === 'right' ? key : Buffer.from(key.map((byte) => byte ^ 0xff));
  const body = payload.map((byte, index) => byte ^ (used[index % 4] ?? 0));
  return Buffer.concat([header, key, body]);
}

export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export class RawWorker implements Disposable {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  isEnded = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isEnded = true;
    });
  }

  /** Asks for the upgrade, and sends `first` in the same segment. */
  upgrade(first: Buffer = Buffer.alloc(0), path = '/?v=10&encoding=json', headers: string[] = []): void {
    const head = [
      `GET ${path} HTTP/1.1`,
      'host: 127.0.0.1',
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
      ...headers,
    ].join('\r\n');
    this.socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), first]));
  }

  /** All bytes that came. */
  get text(): string {
    return this.#bytes.toString('utf8');
  }

  /** The answer to the upgrade. */
  get head(): string {
    const end = this.#bytes.indexOf('\r\n\r\n');
    return end < 0 ? '' : this.#bytes.toString('latin1', 0, end);
  }

  /** What follows the head, in frames; a frame that is not whole is left out. */
  get frames(): ServerFrame[] {
    const frames: ServerFrame[] = [];
    let offset = this.#bytes.indexOf('\r\n\r\n') + 4;
    while (offset + 2 <= this.#bytes.length) {
      const opcode = (this.#bytes[offset] ?? 0) & 0x0f;
      let length = (this.#bytes[offset + 1] ?? 0) & 0x7f;
      let start = offset + 2;
      if (length === 126) {
        length = this.#bytes.readUInt16BE(offset + 2);
        start = offset + 4;
      } else if (length === 127) {
        length = Number(this.#bytes.readBigUInt64BE(offset + 2));
        start = offset + 10;
      }
      if (start + length > this.#bytes.length) break;
      frames.push({ opcode, payload: this.#bytes.subarray(start, start + length) });
      offset = start + length;
    }
    return frames;
  }

  get texts(): string[] {
    return this.frames
      .filter(({ opcode }) => opcode === WebSocketOpcode.Text)
      .map(({ payload }) => payload.toString('utf8'));
  }

  /** Ops of the gateway payloads that came. */
  get ops(): number[] {
    return this.texts.map((text) => (JSON.parse(text) as { op: number }).op);
  }

  /** The close frame's code and reason, once it is there. */
  closed(): Promise<{ code: number; reason: string }> {
    return eventually(() => {
      const found = this.frames.find(({ opcode }) => opcode === WebSocketOpcode.Close);
      if (!found)
        throw new Error(`no close frame behind ${JSON.stringify(this.texts)}; ended: ${this.isEnded}`);
      return { code: found.payload.readUInt16BE(0), reason: found.payload.toString('utf8', 2) };
    });
  }

  ended(): Promise<true> {
    return eventually(() => this.isEnded || undefined);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Upgraded, and HELLO has come. */
export async function rawWorker(port: number, headers: string[] = []): Promise<RawWorker> {
  const worker = new RawWorker(port);
  worker.upgrade(undefined, undefined, headers);
  await eventually(() => worker.texts.length > 0);
  return worker;
}
