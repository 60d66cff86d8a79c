import type { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import * as ws from 'ws';
import {
  frameHeaderBytes,
  readFramePayload,
  writeFrameHeader,
} from '../../../src/protocol/websocket-frame.ts';

// The reason for the cast: @types/ws leaves the receiver out.
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000];

function frame(payload: Buffer): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes(payload.length) + payload.length);
  payload.copy(bytes, writeFrameHeader(bytes, 0, payload.length));
  return bytes;
}

it.each(SIZES)('a frame of %i bytes is one that ws reads', async (size) => {
  const payload = Buffer.alloc(size, 'x');
  const receiver = new Receiver({ isServer: false });
  const message = new Promise<[Buffer, boolean]>((resolve) =>
    receiver.once('message', (data: Buffer, isBinary: boolean) => resolve([data, isBinary])),
  );
  receiver.write(frame(payload));
  const [data, isBinary] = await message;
  expect(isBinary).toBe(false);
  expect(data.equals(payload)).toBe(true);
});

it.each(SIZES)('reads its own frame of %i bytes, at an offset too', (size) => {
  const payload = Buffer.alloc(size, 'y');
  const bytes = Buffer.concat([Buffer.from('before'), frame(payload), Buffer.from('after')]);
  expect(readFramePayload(bytes, 6)?.equals(payload)).toBe(true);
});

it('reads nothing where the bytes end first', () => {
  for (const size of [1, 125, 126, 70_000]) {
    const whole = frame(Buffer.alloc(size, 'z'));
    for (const end of [0, 1, 2, 3, 4, 9, 10, whole.length - 1]) {
      if (end < whole.length) expect(readFramePayload(whole.subarray(0, end), 0)).toBeUndefined();
    }
  }
});

it.each([
  ['a binary frame', [0x82, 1, 0x41]],
  ['a fragment', [0x01, 1, 0x41]],
  ['a masked frame', [0x81, 0x81, 1, 2, 3, 4, 0x41]],
])('reads %s as no frame of ours', (_, bytes) => {
  expect(readFramePayload(Buffer.from(bytes), 0)).toBeUndefined();
});
