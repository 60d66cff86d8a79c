import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { timedSimulator } from './client.ts';

const MIB = 1024 * 1024;

/** Bytes that look like the end of a part now and then. */
function fileBytes(size: number, boundaryLike = '\r\n--'): Buffer {
  const bytes = Buffer.alloc(size, 'abcdefghij');
  for (let at = 0; at + 4 < size; at += 9_973) bytes.write(boundaryLike, at, 'latin1');
  return bytes;
}

function formWith(files: readonly Buffer[]): FormData {
  const form = new FormData();
  form.set('payload_json', JSON.stringify({ content: 'with files' }));
  for (const [index, bytes] of files.entries()) {
    form.set(`files[${index}]`, new Blob([new Uint8Array(bytes)], { type: 'image/png' }), `f${index}.png`);
  }
  return form;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('an upload', () => {
  test.each([[[0]], [[1, 70_000, 3]], [[25 * MIB]]])('of %o bytes arrives as it was sent', async (sizes) => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    const files = sizes.map((size) => fileBytes(size));
    const answer = await client.send('POST', `/channels/${client.channel}/messages`, {
      body: formWith(files),
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      content: 'with files',
      attachments: sizes.map((size, index) => ({ filename: `f${index}.png`, size })),
    });
    expect(simulator.rest.received.at(-1)?.body?.files).toEqual(
      files.map((bytes, index) => ({
        field: `files[${index}]`,
        filename: `f${index}.png`,
        contentType: 'image/png',
        bytes: bytes.length,
        sha256: sha256(bytes),
      })),
    );
  });

  test('over the limit of a file gets 413', async () => {
    await using timed = await timedSimulator({ maxFileBytes: 1_000 });
    const { client } = timed;
    const body = formWith([fileBytes(1_001)]);
    const answer = await client.send('POST', `/channels/${client.channel}/messages`, { body });
    expect(answer).toMatchObject({ status: 413, body: { code: 40_005 } });
  });

  test('without an end is no form', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const body = '--x\r\ncontent-disposition: form-data; name="payload_json"\r\n\r\n{}\r\n--';
    const answer = await client.send('POST', `/channels/${client.channel}/messages`, { body, headers });
    expect(answer).toMatchObject({ status: 400, body: { code: 50_035 } });
  });

  test('that is over its limit gets its 429 at once, without its body being read', async () => {
    await using timed = await timedSimulator({ buckets: { 'create-message': { limit: 1 } } });
    const { client, simulator } = timed;
    await client.say();
    const body = formWith([fileBytes(5 * MIB)]);
    expect((await client.send('POST', `/channels/${client.channel}/messages`, { body })).status).toBe(429);
    expect(simulator.rest.received.at(-1)).toMatchObject({ status: 429, body: null });
  });
});
