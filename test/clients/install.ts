/**
 * The set-up of the matrix: brings the stock libraries, once, into this directory. A library whose registry can't be reached is
 * left out with a loud message, and its tests are skipped; any other failure is one of the tests.
 */
import { execFile } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const DIRECTORY = new URL('.', import.meta.url).pathname;

/** What the libraries come from. */
export type Registry = 'npm' | 'python';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whose libraries are not there, because they can't be reached. */
    unreachable: Registry[];
  }
}

interface Installation {
  readonly registry: Registry;
  /** What is to be installed. */
  readonly wanted: string;
  /** A file that is written when all is installed. */
  readonly mark: string;
  readonly steps: readonly (readonly [string, ...string[]])[];
}

const INSTALLATIONS: readonly Installation[] = [
  {
    registry: 'npm',
    wanted: 'package-lock.json',
    mark: 'node_modules/.installed',
    // Without what is optional nothing is compiled, and none of the libraries' own accelerators changes how it speaks.
    steps: [
      ['npm', 'ci', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--fetch-retries=1'],
    ],
  },
  {
    registry: 'python',
    wanted: 'requirements.txt',
    mark: '.venv/.installed',
    steps: [
      ['python3', '-m', 'venv', '--clear', '.venv'],
      ['.venv/bin/pip', 'install', '--quiet', '--only-binary=:all:', '--retries=1', '-r', 'requirements.txt'],
    ],
  },
];

/** What npm and pip say where there is no way to a registry. */
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|Failed to establish a new connection|Temporary failure in name resolution|Cannot connect to proxy|ReadTimeoutError|ConnectTimeoutError/;

export async function setup({ provide }: TestProject): Promise<void> {
  const reached = await Promise.all(INSTALLATIONS.map(install));
  provide(
    'unreachable',
    INSTALLATIONS.map(({ registry }) => registry).filter((_, index) => !reached[index]),
  );
}

/** For others who use the libraries. False where the registry can't be reached. */
export async function installFrom(registry: Registry): Promise<boolean> {
  const installations = INSTALLATIONS.filter((installation) => installation.registry === registry);
  return (await Promise.all(installations.map(install))).every((isInstalled) => isInstalled);
}

/** False where the registry can't be reached. */
async function install({ registry, wanted, mark, steps }: Installation): Promise<boolean> {
  if (isInstalled(wanted, mark)) return true;
  console.log(`client matrix: installing the libraries from ${registry} (once)`);
  try {
    for (const [program, ...args] of steps) await promisify(execFile)(program, args, { cwd: DIRECTORY });
  } catch (error) {
    if (!UNREACHABLE.test(String((error as { stderr?: string }).stderr))) throw error; // Of execFile: has stderr.
    console.error(
      `\n${'!'.repeat(100)}\nclient matrix: the registry of ${registry} can't be reached.\nTHE TESTS OF ITS LIBRARIES ARE SKIPPED: nothing is known about them.\n${'!'.repeat(100)}\n`,
    );
    return false;
  }
  writeFileSync(DIRECTORY + mark, '');
  return true;
}

function isInstalled(wanted: string, mark: string): boolean {
  return (
    existsSync(DIRECTORY + mark) && statSync(DIRECTORY + mark).mtimeMs >= statSync(DIRECTORY + wanted).mtimeMs
  );
}
