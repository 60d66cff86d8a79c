import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { type FrameShape, frame, rawWorker, WebSocketOpcode } from './raw-worker.ts';
import { startTestGateway, type TestGateway } from './shards.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(() => gateway[Symbol.asyncDispose]());

const HEARTBEAT = '{"op":1,"d":null}';
const BINARY = { opcode: WebSocketOpcode.Binary };
const { Text, Continuation } = WebSocketOpcode;

async function closeAfter(...frames: Buffer[]): Promise<number> {
  using worker = await rawWorker(gateway.port);
  worker.socket.write(Buffer.concat(frames));
  return (await worker.closed()).code;
}

const BROKEN: [what: string, code: number, bytes: Buffer][] = [
  ['an unmasked frame', 1002, frame(HEARTBEAT, { mask: 'none' })],
  ['a frame whose mask does not fit, in text', 1007, frame(HEARTBEAT, { mask: 'wrong' })],
  ['a frame whose mask does not fit, in binary', 4002, frame(HEARTBEAT, { ...BINARY, mask: 'wrong' })],
  ['RSV1, without a negotiated compression', 1002, frame(HEARTBEAT, { rsv: 4 })],
  ['RSV2', 1002, frame(HEARTBEAT, { rsv: 2 })],
  ['RSV3', 1002, frame(HEARTBEAT, { rsv: 1 })],
  ['a reserved WebSocket opcode', 1002, frame(HEARTBEAT, { opcode: 3 })],
  ['a continuation of nothing', 1002, frame(HEARTBEAT, { opcode: Continuation })],
  ['a ping of 126 bytes', 1002, frame('p'.repeat(126), { opcode: WebSocketOpcode.Ping })],
  ['a ping in fragments', 1002, frame('p', { opcode: WebSocketOpcode.Ping, fin: false })],
  ['text that is no UTF-8', 1007, frame(Buffer.from([0x7b, 0xff, 0x7d]))],
  ['binary that is no UTF-8', 4002, frame(Buffer.from([0x7b, 0xff, 0x7d]), BINARY)],
  ['binary garbage', 4002, frame(Buffer.from([0x00, 0x01, 0x02, 0x03]), BINARY)],
  ['ETF in binary', 4002, frame(Buffer.from([131, 116, 0, 0, 0, 1, 119, 2, 111, 112, 97, 1]), BINARY)],
  ['an empty message', 4002, frame('')],
  ['an empty binary message', 4002, frame('', BINARY)],
  ['JSON behind a byte order mark', 4002, frame(`\uFEFF${HEARTBEAT}`)],
  ['null', 4002, frame('null')],
  ['an array', 4002, frame('[1,null]')],
  ['a number', 4002, frame('1')],
  ['JSON that is cut off', 4002, frame('{"op":1,"d":')],
  ['JSON as deep as it gets', 4002, frame('['.repeat(4_096))],
  ['4097 bytes', 4002, frame('x'.repeat(4_097))],
  ['4097 bytes in fragments', 4002, fragments('x'.repeat(4_097), 5)],
  ['64 KiB', 4002, frame('x'.repeat(64 * 1024))],
  ['more than 64 KiB', 1009, frame('x', { claimedBytes: 64 * 1024 + 1 })],
  ['more than 64 KiB in fragments', 1009, fragments('x'.repeat(64 * 1024 + 1), 3)],
  ['more bytes than a number can say', 1009, frame('', { claimedBytes: 2 ** 53 })],
  ['a close frame with code 1005', 1002, frame(Buffer.from([0x03, 0xed]), { opcode: 8 })],
  ['a close frame of one byte', 1002, frame(Buffer.from([0x03]), { opcode: 8 })],
];

test.each(BROKEN)('%s closes with %d, and the next connection is served', async (_what, code, bytes) => {
  expect(await closeAfter(bytes)).toBe(code);
  using next = await rawWorker(gateway.port);
  next.socket.write(frame(HEARTBEAT));
  await eventually(() => next.ops.includes(11));
});

test('a frame that is cut off by the end of the connection ends nothing else', async () => {
  using worker = await rawWorker(gateway.port);
  worker.socket.end(frame(HEARTBEAT).subarray(0, 9));
  await worker.ended();
  using next = await rawWorker(gateway.port);
  next.socket.write(frame(HEARTBEAT));
  await eventually(() => next.ops.includes(11));
});

test('a connection that is reset in the middle of a frame ends nothing else', async () => {
  using worker = await rawWorker(gateway.port);
  worker.socket.write(frame(HEARTBEAT).subarray(0, 9));
  worker.socket.resetAndDestroy();
  using next = await rawWorker(gateway.port);
  next.socket.write(frame(HEARTBEAT));
  await eventually(() => next.ops.includes(11));
});

const GOOD: [what: string, bytes: Buffer][] = [
  ['in one frame', frame(HEARTBEAT)],
  ['in binary', frame(HEARTBEAT, BINARY)],
  ['in fragments', fragments(HEARTBEAT, 4)],
  ['in fragments of binary', fragments(HEARTBEAT, 4, BINARY)],
  ['with white space', frame(' \n{ "d": null,\t"op": 1 }\r\n')],
];

test.each(GOOD)('a heartbeat %s is acknowledged', async (_how, bytes) => {
  using worker = await rawWorker(gateway.port);
  worker.socket.write(bytes);
  await eventually(() => worker.ops.includes(11));
});

test('a heartbeat that comes byte by byte is acknowledged', async () => {
  using worker = await rawWorker(gateway.port);
  worker.socket.setNoDelay(true);
  for (const byte of frame(HEARTBEAT)) {
    await new Promise<void>((resolve) => worker.socket.write(Buffer.of(byte), () => resolve()));
  }
  await eventually(() => worker.ops.includes(11));
});

test('a ping between the fragments of a message is answered with its bytes, at once', async () => {
  using worker = await rawWorker(gateway.port);
  worker.socket.write(frame('{"op":1,', { fin: false }));
  worker.socket.write(frame('are you there', { opcode: WebSocketOpcode.Ping }));
  const pong = await eventually(() => worker.frames.find(({ opcode }) => opcode === WebSocketOpcode.Pong));
  expect(pong.payload.toString()).toBe('are you there');
  expect(worker.ops).not.toContain(11);
  worker.socket.write(frame('"d":null}', { opcode: Continuation }));
  await eventually(() => worker.ops.includes(11));
});

test('an offer of permessage-deflate is declined', async () => {
  const worker = await rawWorker(gateway.port, ['sec-websocket-extensions: permessage-deflate']);
  expect(worker.head).toMatch(/^HTTP\/1\.1 101 /);
  expect(worker.head.toLowerCase()).not.toContain('sec-websocket-extensions');
  worker[Symbol.dispose]();
});

function fragments(content: string, count: number, shape: FrameShape = {}): Buffer {
  const size = Math.ceil(content.length / count);
  return Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      frame(content.slice(index * size, (index + 1) * size), {
        ...shape,
        opcode: index === 0 ? (shape.opcode ?? Text) : Continuation,
        fin: index === count - 1,
      }),
    ),
  );
}
