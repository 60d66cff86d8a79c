/** Secrets that come from files: `discord.tokenFile` for `discord.token`, and so on. Puts the contents in the secrets' places. */
import { applicationItems } from './applications.ts';
import type { ConfigProblem } from './problem.ts';

/** Values as they were written, unread. */
export type RawTree = Record<string, unknown>;

export interface SecretFilesOptions {
  readonly tree: RawTree;
  /** What each setting is called where it came from; the contents of a file get a name of their own. */
  readonly names: Map<string, string>;
  /** Gives a file's text, or throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** Where a path stands in the YAML file, if there is one. */
  readonly placeOf: ((path: readonly PropertyKey[]) => string) | undefined;
}

/** A secret and the setting that names its file. */
const SECRETS: readonly (readonly [section: string, secret: string])[] = [
  ['discord', 'token'],
  ['redis', 'password'],
  ['redis', 'sentinelPassword'],
  ['cluster', 'secret'],
];

export function readSecretFiles(options: SecretFilesOptions, problems: ConfigProblem[]): void {
  for (const [section, secret] of SECRETS) {
    const values = options.tree[section];
    if (isMap(values)) readSecretFile(options, { values, path: [section], secret }, problems);
  }
  const { tree, names, placeOf } = options;
  const items = applicationItems(tree['applications']);
  if (items === undefined) return;
  const isFromYaml = names.get('applications')?.startsWith('applications') === true;
  tree['applications'] = items.map((item, index) => {
    if (!isMap(item) || item['tokenFile'] === undefined) return item;
    const values = { ...item };
    const path = ['applications', index];
    for (const key of ['token', 'tokenFile']) {
      const place = isFromYaml
        ? `${path.map(indexed).join('')}.${key} (${placeOf?.([...path, key])})`
        : `${names.get('applications')} (entry ${index + 1}, ${key})`;
      names.set([...path, key].join('.'), place);
    }
    readSecretFile(options, { values, path, secret: 'token' }, problems);
    return values;
  });
}

interface SecretPlace {
  readonly values: RawTree;
  readonly path: readonly (string | number)[];
  readonly secret: string;
}

function readSecretFile(
  { names, readFile }: SecretFilesOptions,
  { values, path, secret }: SecretPlace,
  problems: ConfigProblem[],
): void {
  const file = values[`${secret}File`];
  if (typeof file !== 'string' || file.trim() === '') return;
  const secretName = [...path, secret].join('.');
  const setting = names.get(`${secretName}File`) ?? `${secretName}File`;
  if (values[secret] !== undefined) {
    const wrong = `is set, and ${names.get(secretName)} too`;
    problems.push({ setting, wrong, remedy: 'Remove one of them.' });
    return;
  }
  const contents = fileContents(readFile, file);
  if (contents.ok) {
    values[secret] = contents.text.replace(/\r?\n$/, '');
    names.set(secretName, `${setting} (the contents of ${file})`);
    return;
  }
  names.set(secretName, setting);
  const remedy = 'Give the path of a file that this user may read, with the secret in it and nothing else.';
  problems.push({ setting, wrong: `names a file that can't be read: ${file} (${contents.reason})`, remedy });
}

export function fileContents(readFile: (path: string) => string, path: string) {
  try {
    return { ok: true as const, text: readFile(path) };
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    return { ok: false as const, reason };
  }
}

/** A key as it is written behind the keys before it, the first of them alone: `workers`, `.tokens`, `[1]`. */
export function indexed(key: PropertyKey, position: number): string {
  if (typeof key === 'number') return `[${key}]`;
  return position === 0 ? String(key) : `.${String(key)}`;
}

export function isMap(value: unknown): value is RawTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
