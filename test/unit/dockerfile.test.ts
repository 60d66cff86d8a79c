/** The health check of the Dockerfile, run as a container engine would. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';

const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
const [, command = '[]'] = /HEALTHCHECK [^\n]*\n\s*CMD (\[.*\])/.exec(dockerfile) ?? [];
const [, flag = '', script = ''] = JSON.parse(command) as string[];

/** Nothing listens there. */
const CLOSED = '1';

async function check(env: Readonly<Record<string, string>>): Promise<number | null> {
  const child = spawn(process.execPath, [flag, script], { env });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

async function statusServer(status: number): Promise<{ port: string } & AsyncDisposable> {
  const server = createServer((_request, response) => response.writeHead(status).end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // listens on TCP, so not a path
  return {
    port: String(port),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

describe('the health check of the image', () => {
  it.each([
    ['gateway', 'SHARDMUX_STATUS_PORT', 'SHARDMUX_REST_STATUS_PORT'],
    ['rest', 'SHARDMUX_REST_STATUS_PORT', 'SHARDMUX_STATUS_PORT'],
  ])('finds the status port of `%s`', async (_command, own, other) => {
    await using server = await statusServer(200);
    expect(await check({ [own]: server.port, [other]: CLOSED })).toBe(0);
  });

  it('fails where nothing answers, or not with 200', async () => {
    await using server = await statusServer(503);
    expect(await check({ SHARDMUX_STATUS_PORT: CLOSED, SHARDMUX_REST_STATUS_PORT: CLOSED })).toBe(1);
    expect(await check({ SHARDMUX_STATUS_PORT: server.port, SHARDMUX_REST_STATUS_PORT: CLOSED })).toBe(1);
  });
});
