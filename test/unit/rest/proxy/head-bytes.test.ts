import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { headBytes } from '../../../../src/rest/proxy/request-head.ts';

it('a request that waits counts for its headers and target, and for what any request takes', () => {
  const bytes = (url: string, rawHeaders: string[]) => headBytes({ url, rawHeaders } as IncomingMessage); // all it reads
  const bare = bytes('', []);
  expect(bare).toBeGreaterThan(1_000);
  expect(bytes('/api', ['Host', 'x']) - bare).toBe(9);
});
