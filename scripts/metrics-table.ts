/** Writes the table of metrics into docs/metrics.md, between its two marks. A test fails where the file is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { registerMetrics } from '../src/commands/gateway/metrics/index.ts';
import { type RestMetricSources, registerRestMetrics } from '../src/commands/rest/metrics.ts';
import { registerShareMetrics } from '../src/commands/rest/share-metrics.ts';
import { type GatewayConfig, loadConfig } from '../src/config/index.ts';
import { LogMemory } from '../src/log/index.ts';
import { createLogger, createMetrics, type Logger } from '../src/observability/index.ts';
import { Egress, RestServer } from '../src/rest/index.ts';
import { parseShardPath, shardPath } from '../src/routing/index.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { createAuthenticator, GatewayServer } from '../src/workers/index.ts';

const DOCUMENT = new URL('../docs/metrics.md', import.meta.url);
const MARKS = /(<!-- metrics: begin[^>]*-->\n)[\s\S]*(\n<!-- metrics: end -->)/;

/** A row a metric, from what `shardmux gateway` and `shardmux rest` register: the real modules, none of them started. */
export async function metricsMarkdown(): Promise<string> {
  const env = { SHARDMUX_DISCORD_TOKEN: 'MTAwMDAwMDAwMDAwMDAwMDAw.not.a-token', SHARDMUX_TAIL_STORE: 'off' };
  const result = loadConfig({ env, readFile: (path) => readFileSync(path, 'utf8') });
  if (!result.ok)
    throw new Error(result.problems.map(({ setting, wrong }) => `${setting} ${wrong}`).join('; '));
  const { config } = result;
  const logger = createLogger({ level: 'silent', format: 'json', output: { write: () => undefined } });
  const server = new GatewayServer({
    ...config.workers,
    applications: [],
    authenticator: createAuthenticator([]),
    sessionKey: Buffer.alloc(32),
    limits: config.workers,
    readPath: parseShardPath,
    shardPath,
    clock: systemClock,
    log: logger,
  });
  const metrics = createMetrics();
  const memory = new LogMemory(config.eventLog.maxBytes);
  registerMetrics(metrics, { applications: [], memory, server, teacher: undefined, stores: [] });
  registerRestMetrics(metrics, restSources(config, logger));
  registerShareMetrics(metrics, undefined);
  const rows = (await metrics.descriptions()).map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ') || '–'} | ${help} |`,
  );
  return ['| metric | type | labels | what it says |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function restSources({ rest }: GatewayConfig, log: Logger): RestMetricSources {
  const server = new RestServer({
    host: rest.host,
    port: 0,
    applications: [],
    authenticator: createAuthenticator([]),
    gatewayUrl: undefined,
    limits: { ...rest, defaultDeadlineMs: rest.deadlineMs },
    clock: systemClock,
    log,
  });
  const egress = new Egress({ alarmAt: 1, shedAt: 2, stopAt: 3 }, () => undefined);
  return { server, egress, applications: [] };
}

if (process.argv[1] === import.meta.filename) {
  const written = readFileSync(DOCUMENT, 'utf8');
  if (!MARKS.test(written)) throw new Error('docs/metrics.md has lost the marks of its table');
  const table = await metricsMarkdown();
  writeFileSync(
    DOCUMENT,
    written.replace(MARKS, (_, begin: string, end: string) => begin + table + end),
  );
}
