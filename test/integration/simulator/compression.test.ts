import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { decodeStream, Peer, payloadDecode, smallSimulator } from './peer.ts';

describe('compression by the simulator', () => {
  test.each([
    'zlib-stream',
    'zstd-stream',
  ] as const)('%s is one context, one message a payload', async (compression) => {
    await using simulator = await smallSimulator();
    using peer = new Peer(simulator, `?v=10&encoding=json&compress=${compression}`, '/', () => '{}');
    await eventually(() => peer.rawMessages.length === 1);
    peer.identify();
    await eventually(() => peer.rawMessages.length === 4);
    await simulator.burst(0, 300);
    await eventually(() => peer.rawMessages.length === 304);
    expect(peer.rawMessages.every(({ isBinary }) => isBinary)).toBe(true);
    const payloads = decodeStream(
      peer.rawMessages.map(({ bytes }) => bytes),
      compression,
    );
    expect(payloads.filter(({ op }) => op === 0).map(({ s }) => s)).toEqual(
      Array.from({ length: 303 }, (_, i) => i + 1),
    );
  });

  test('zlib-stream messages end with 00 00 ff ff', async () => {
    await using simulator = await smallSimulator();
    using peer = new Peer(simulator, '?v=10&compress=zlib-stream', '/', () => '{}');
    await eventually(() => peer.rawMessages.length === 1);
    expect(peer.rawMessages[0]?.bytes.subarray(-4).toString('hex')).toBe('0000ffff');
  });

  test("zstd-stream starts with Discord's frame header: window of 256 KiB, no checksum, no content size", async () => {
    await using simulator = await smallSimulator();
    using peer = new Peer(simulator, '?v=10&compress=zstd-stream', '/', () => '{}');
    await eventually(() => peer.rawMessages.length === 1);
    expect(peer.rawMessages[0]?.bytes.subarray(0, 6).toString('hex')).toBe('28b52ffd0040');
  });

  test('of single payloads starts with IDENTIFY and leaves small ones alone', async () => {
    await using simulator = await smallSimulator();
    using peer = await new Peer(simulator, undefined, '/', payloadDecode).opened();
    peer.identify({ compress: true });
    await peer.next('GUILD_CREATE', 2);
    simulator.dispatch(0, 'SMALL', {});
    await peer.next('SMALL');
    expect(peer.rawMessages.map(({ isBinary }) => isBinary)).toEqual([false, false, true, true, false]);
    const truth = simulator.truth(0).sessions[0]?.dispatches.map((entry) => entry.crc32);
    expect(peer.texts.slice(1).map((text) => crc32(text))).toEqual(truth);
  });
});
