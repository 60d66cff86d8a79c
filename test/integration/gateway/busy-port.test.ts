import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { spawnNode } from '../../support/node.ts';

/** Nobody: the node must not get as far as asking. */
const discord = { url: 'http://127.0.0.1:9', options: { token: 'MTAwMDAwMDAwMDAwMDAwMDAw.not.a-token' } };

it.each([
  ['WORKERS', 'workers.port'],
  ['STATUS', 'status.port'],
])('a busy %s port ends the start with a message that names %s', async (section, setting) => {
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  const address = busy.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const env = { [`SHARDMUX_${section}_HOST`]: '127.0.0.1', [`SHARDMUX_${section}_PORT`]: String(port) };
  await using node = spawnNode({ discord, env });
  expect(await node.exited).toBe(1);
  expect(node.logs()).toHaveLength(1);
  expect(node.logs()[0]).toMatchObject({ level: 'fatal', msg: 'shardmux can not start' });
  expect(node.logs()[0]?.['reason']).toContain(setting);
  expect(node.logs()[0]?.['reason']).toContain(String(port));
  await new Promise((resolve) => busy.close(resolve));
});
