/** The rules for Prometheus in docs/metrics.md use metrics, and labels of metrics, that there are. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const DOCUMENT = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(z.object({ alert: z.string(), expr: z.string(), for: z.string().optional() })),
    }),
  ),
});

/** Labels by metric, as the table has them. */
function metricsInTable(): ReadonlyMap<string, readonly string[]> {
  const rows = DOCUMENT.matchAll(/^\| `(shardmux_\w+)` \| (\w+) \| (.*?) \|/gm);
  return new Map(
    [...rows].map(([, name = '', type, labels = '']) => [
      type === 'histogram' ? `${name}_bucket` : name,
      [
        ...[...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
        ...(type === 'histogram' ? ['le'] : []),
      ],
    ]),
  );
}

function rules() {
  const [, text = ''] = /```yaml\n(groups:.*?)```/s.exec(DOCUMENT) ?? [];
  return rulesSchema.parse(parse(text)).groups.flatMap((group) => group.rules);
}

it.each(rules())('$alert', ({ expr }) => {
  const table = metricsInTable();
  const names = [...expr.matchAll(/shardmux_\w+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(table.has(name), name).toBe(true);
  // Prometheus adds the instance.
  const known = new Set(['instance', ...names.flatMap((name) => table.get(name) ?? [])]);
  const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
  const matched = [...expr.matchAll(/\{(\w+)/g)].map(([, label = '']) => label);
  for (const label of [...grouped, ...matched]) expect(known.has(label), label).toBe(true);
});
