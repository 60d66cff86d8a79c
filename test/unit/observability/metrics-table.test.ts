import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { metricsMarkdown } from '../../../scripts/metrics-table.ts';

it('is what docs/metrics.md has (else run: node scripts/metrics-table.ts)', async () => {
  const document = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  expect(document).toContain(await metricsMarkdown());
});
