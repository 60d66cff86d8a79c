/** The direction of imports between the modules of src/ (design: commands joins them; nothing else knows its neighbours). */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** What each module may import from. `main` and `commands` may import from all but the simulator's inside. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  runtime: [],
  config: ['protocol'],
  log: ['protocol', 'runtime'],
  upstream: ['protocol', 'runtime'],
  workers: ['protocol', 'runtime'],
  routing: ['runtime'],
  guilds: ['protocol', 'runtime'],
  requests: ['protocol', 'runtime'],
  voice: ['protocol', 'runtime'],
  observability: ['runtime'],
  rest: ['protocol', 'runtime'],
  // Implements the ports that log, upstream, guilds and rest declare; of guilds also the error that is part of the port.
  cluster: ['guilds', 'log', 'rest', 'upstream', 'protocol', 'runtime'],
  // Shares Discord's vocabulary with the product and nothing else, or it would share its mistakes.
  simulator: ['protocol'],
  commands: [
    'cluster',
    'config',
    'guilds',
    'log',
    'observability',
    'protocol',
    'requests',
    'rest',
    'routing',
    'runtime',
    'simulator',
    'upstream',
    'voice',
    'workers',
  ],
  main: ['commands', 'config', 'observability'],
};

/** Modules that are taken file by file: they have no inside. */
const WITHOUT_INDEX = new Set(['protocol', 'runtime', 'commands']);

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly target: string;
}

function moduleOf(path: string): string {
  return path.split('/', 1)[0]?.replace(/\.ts$/, '') ?? '';
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
  return specifiers
    .map((specifier) => relative(SRC, resolve(SRC, dirname(file), specifier)))
    .map((target) => ({ file, from: moduleOf(file), to: moduleOf(target), target }))
    .filter(({ from, to }) => from !== to);
}

const imports = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap(importsOf);

describe('the modules of src', () => {
  it('import only from where the design lets them', () => {
    expect(imports.length).toBeGreaterThan(50);
    expect(imports.filter(({ from, to }) => !ALLOWED[from]?.includes(to))).toEqual([]);
  });

  it('are imported through their index, not from their inside', () => {
    const inside = imports.filter(({ to, target }) => !WITHOUT_INDEX.has(to) && target !== `${to}/index.ts`);
    expect(inside).toEqual([]);
  });

  it('touch process.* nowhere but in main.ts', () => {
    const users = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
      .filter((file) =>
        /\bprocess\.(?:env|argv|exit|stdout|stderr|on|once|kill|cwd)\b/.test(
          readFileSync(join(SRC, file), 'utf8'),
        ),
      );
    expect(users).toEqual([]);
  });
});
