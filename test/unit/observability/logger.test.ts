import { expect, it } from 'vitest';
import { Secret } from '../../../src/config/index.ts';
import { createLogger, type Logger, moduleLogger } from '../../../src/observability/index.ts';

function linesOf(write: (logger: Logger) => void, format: 'json' | 'pretty' = 'json'): string[] {
  const lines: string[] = [];
  write(createLogger({ level: 'info', format, output: { write: (line) => lines.push(line) } }));
  return lines;
}

it('writes one JSON object a line, with time, level name and module', () => {
  const [line] = linesOf((logger) => moduleLogger(logger, 'upstream').info({ shard: 3 }, 'shard is ready'));
  expect(line?.endsWith('\n')).toBe(true);
  const { time, ...fields } = JSON.parse(line ?? '');
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(fields).toEqual({ level: 'info', module: 'upstream', shard: 3, msg: 'shard is ready' });
});

it('leaves out what is less severe than its level', () => {
  expect(linesOf((logger) => logger.debug('nothing to see'))).toEqual([]);
});

it('hides fields named like secrets at any depth, in errors, their causes and bindings', () => {
  const cause = Object.assign(new Error('inner'), { request: { headers: { authorization: 's3cr3t' } } });
  const error = Object.assign(new Error('outer', { cause }), { botToken: 's3cr3t' });
  const lines = linesOf((logger) => {
    logger.info({ token: 's3cr3t', discord: { accounts: [{ workerTokens: ['s3cr3t'] }] } }, 'a');
    logger.child({ sessionSecret: 's3cr3t' }).info('b');
    logger.error(error, 'c');
    logger.error({ error }, 'd');
    logger.info({ value: new Secret('s3cr3t') }, 'e');
  });
  expect(lines).toHaveLength(5);
  for (const line of lines) {
    expect(line).toContain('<redacted>');
    expect(line).not.toContain('s3cr3t');
  }
});

it('keeps counts, and shows of a buffer only its size', () => {
  const [line] = linesOf((logger) => logger.info({ tokens: 3, frame: Buffer.from('payload') }, 'a'));
  expect(JSON.parse(line ?? '')).toMatchObject({ tokens: 3, frame: '<7 bytes>' });
});

it('survives fields that contain themselves', () => {
  const fields: Record<string, unknown> = {};
  fields['self'] = fields;
  expect(linesOf((logger) => logger.info(fields, 'a'))).toHaveLength(1);
});

it('writes for people on request', () => {
  const [line] = linesOf(
    (logger) => moduleLogger(logger, 'upstream').info({ shard: 3, why: 'two words' }, 'ready'),
    'pretty',
  );
  expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}upstream {3}ready {2}shard=3 why="two words"\n$/);
});

it('puts the stack of an error under its line', () => {
  const [line] = linesOf((logger) => logger.error(new Error('broken'), 'stopped'), 'pretty');
  expect(line).toMatch(/ stopped\n {4}Error: broken\n {8}at /);
});
