import { describe, expect, it } from 'vitest';
import { FrameError, FrameReader } from '../../../src/upstream/frame-reader.ts';

const TEXT = 0x81;
const BINARY = 0x82;

function frame(first: number, payload: Buffer, mask = false): Buffer {
  const { length } = payload;
  const bits = mask ? 0x80 : 0;
  let header: Buffer;
  if (length < 126) header = Buffer.from([first, bits | length]);
  else if (length < 0x10000) {
    header = Buffer.alloc(4);
    header.writeUInt16BE(length, 2);
    header[1] = bits | 126;
  } else {
    header = Buffer.alloc(10);
    header.writeBigUInt64BE(BigInt(length), 2);
    header[1] = bits | 127;
  }
  header[0] = first;
  return Buffer.concat([header, mask ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

function read() {
  const events: [kind: string, payload: Buffer][] = [];
  const reader = new FrameReader({
    onData: (bytes, start, end, isBinary) =>
      events.push([isBinary ? 'binary' : 'text', Buffer.from(bytes.subarray(start, end))]),
    onOther: (other) => events.push(['other', other]),
  });
  return { events, reader };
}

/** Seeded (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('the frame reader', () => {
  it.each([
    0, 1, 125, 126, 127, 65_535, 65_536, 300_000,
  ])('reads a frame of %i bytes, however it arrives', (length) => {
    const payload = Buffer.alloc(length, 'x');
    const bytes = Buffer.concat([frame(TEXT, payload), frame(BINARY, Buffer.from('behind'))]);
    for (const step of [1, 2, 3, 4, 5, 9, 10, 11, 4_096, 65_536, bytes.length]) {
      if (bytes.length / step > 20_000) continue;
      const { events, reader } = read();
      for (let offset = 0; offset < bytes.length; offset += step)
        reader.push(bytes.subarray(offset, offset + step));
      expect(events.map(([kind, { length: got }]) => [kind, got])).toEqual([
        ['text', length],
        ['binary', 6],
      ]);
      expect(events[0]?.[1].equals(payload)).toBe(true);
    }
  });

  it('reads random frames in random pieces as they were', () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = randomOf(seed);
      const payloads = Array.from({ length: 60 }, () => {
        const length = Math.floor(random() ** 4 * 90_000);
        return Buffer.alloc(length, Math.floor(random() * 256));
      });
      const kinds = payloads.map(() => (random() < 0.5 ? TEXT : BINARY));
      const bytes = Buffer.concat(payloads.map((payload, i) => frame(kinds[i] ?? TEXT, payload)));
      const { events, reader } = read();
      for (let offset = 0; offset < bytes.length; ) {
        const end = Math.min(bytes.length, offset + 1 + Math.floor(random() ** 3 * 100_000));
        reader.push(bytes.subarray(offset, end));
        offset = end;
      }
      expect(events.map(([kind]) => kind)).toEqual(kinds.map((kind) => (kind === TEXT ? 'text' : 'binary')));
      expect(events.every(([, payload], i) => payload.equals(payloads[i] ?? Buffer.alloc(0)))).toBe(true);
    }
  });

  it.each([
    ['a ping', frame(0x89, Buffer.from('p'))],
    ['a fragment', frame(0x01, Buffer.from('part'))],
    ['a continuation', frame(0x80, Buffer.from('rest'))],
    ['a compressed frame (RSV1)', frame(0xc1, Buffer.from('x'))],
    ['a masked frame', frame(TEXT, Buffer.from('x'), true)],
  ])('hands on %s as it is, in its place', (_, other) => {
    const bytes = Buffer.concat([frame(TEXT, Buffer.from('a')), other, frame(TEXT, Buffer.from('b'))]);
    for (const step of [1, 3, bytes.length]) {
      const { events, reader } = read();
      for (let offset = 0; offset < bytes.length; offset += step)
        reader.push(bytes.subarray(offset, offset + step));
      expect(events.map(([kind, payload]) => [kind, payload.toString('latin1')])).toEqual([
        ['text', 'a'],
        ['other', other.toString('latin1')],
        ['text', 'b'],
      ]);
    }
  });

  it('reads nothing behind a close frame', () => {
    const { events, reader } = read();
    reader.push(Buffer.concat([frame(0x88, Buffer.from([3, 232])), frame(TEXT, Buffer.from('late'))]));
    reader.push(frame(TEXT, Buffer.from('later')));
    expect(events.map(([kind]) => kind)).toEqual(['other']);
  });

  it('refuses a frame that is larger than any of Discord', () => {
    const { reader } = read();
    const header = Buffer.alloc(10);
    header[0] = TEXT;
    header[1] = 127;
    header.writeUInt32BE(1, 2);
    expect(() => reader.push(header)).toThrow(FrameError);
  });
});
