/** From the environment and a YAML file to a checked, frozen configuration, or to all that is wrong with it. No `process.*`. */
import type { z } from 'zod';
import { type Environment, environmentProblems } from './env-source.ts';
import { nearestName } from './nearest-name.ts';
import type { ConfigProblem } from './problem.ts';
import { type GatewayConfig, gatewaySchema } from './schema.ts';
import { CONFIG_PATH_ENV_NAME, SETTINGS } from './settings-table.ts';
import { parseYamlSource, type YamlSource } from './yaml-source.ts';

export type LoadConfigOptions = {
  env: Environment;
  /** Gives a file's text, or throws as `readFileSync` does. */
  readFile: (path: string) => string;
  /** What `--config` named; goes before SHARDMUX_CONFIG. */
  configPath?: string | undefined;
};

export type ConfigResult =
  | { ok: true; config: GatewayConfig }
  | { ok: false; problems: readonly ConfigProblem[] };

const TOKEN = 'discord.token';
const TOKEN_FILE = 'discord.tokenFile';

export function loadConfig({ env, readFile, configPath }: LoadConfigOptions): ConfigResult {
  const problems = environmentProblems(env);
  const nameProblems = problems.length;
  const yaml = yamlSource({ env, readFile, configPath }, problems);
  const isFileUnread = problems.length > nameProblems;
  const { tree, names } = overlay(env, yaml, problems);
  readTokenFile({ tree, names, readFile }, problems);
  const told = new Set(problems.map(({ setting }) => setting));
  // What is missing may be in the file that couldn't be read.
  if (isFileUnread) for (const { envName, required } of SETTINGS) if (required) told.add(envName);
  const result = gatewaySchema.safeParse(tree);
  for (const issue of result.error?.issues ?? []) {
    const found = problemsOf(issue, names, yaml);
    // A value that is already said to be empty or unreadable is not also said to be missing.
    problems.push(...found.filter(({ setting }) => !told.has(setting)));
  }
  if (problems.length > 0 || !result.success) return { ok: false, problems };
  return { ok: true, config: deepFreeze(result.data) };
}

function yamlSource(
  { env, readFile, configPath }: LoadConfigOptions,
  problems: ConfigProblem[],
): YamlSource | undefined {
  const setting = configPath === undefined ? CONFIG_PATH_ENV_NAME : '--config';
  const path = configPath ?? env[CONFIG_PATH_ENV_NAME];
  if (path === undefined || (setting === CONFIG_PATH_ENV_NAME && path.trim() === '')) return undefined;
  const contents = fileContents(readFile, path);
  if (!contents.ok) {
    const remedy = 'Give the path of a YAML file that this user may read.';
    problems.push({
      setting,
      wrong: `names a file that can't be read: ${path} (${contents.reason})`,
      remedy,
    });
    return undefined;
  }
  const source = parseYamlSource(path, contents.text);
  problems.push(...source.problems);
  return source;
}

function fileContents(readFile: (path: string) => string, path: string) {
  try {
    return { ok: true as const, text: readFile(path) };
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    return { ok: false as const, reason };
  }
}

type RawTree = Record<string, unknown>;

/** The YAML file's values under the environment's, and what each setting is called where it came from. */
function overlay(env: Environment, yaml: YamlSource | undefined, problems: ConfigProblem[]) {
  const base = yaml?.values ?? {};
  if (!isMap(base)) {
    problems.push({
      setting: yaml?.placeOf([]) ?? '',
      wrong: 'is not a map of settings',
      remedy: SECTION_REMEDY,
    });
  }
  const tree: RawTree = isMap(base) ? { ...base } : {};
  const names = new Map<string, string>();
  for (const section of new Set(SETTINGS.map((entry) => entry.section))) {
    const values = tree[section] ?? {};
    const place = yaml?.placeOf([section]);
    if (!isMap(values))
      problems.push({
        setting: `${section} (${place})`,
        wrong: 'is not a map of settings',
        remedy: SECTION_REMEDY,
      });
    tree[section] = isMap(values) ? { ...values } : {};
  }
  for (const { section, name, envName, yamlPath } of SETTINGS) {
    const values = tree[section] as RawTree; // made by the loop above
    const fromEnv = env[envName];
    names.set(
      yamlPath,
      fromEnv === undefined && name in values ? `${yamlPath} (${yaml?.placeOf([section, name])})` : envName,
    );
    if (fromEnv !== undefined) values[name] = fromEnv.trim() === '' ? undefined : fromEnv;
    else if (values[name] === null) {
      problems.push({
        setting: names.get(yamlPath) ?? yamlPath,
        wrong: 'has no value',
        remedy: 'Give it one, or remove the line.',
      });
      values[name] = undefined;
    } else values[name] ??= undefined;
  }
  return { tree, names };
}

const SECTION_REMEDY =
  'Write "section:" and indented under it "name: value"; docs/configuration.md lists them.';

type TokenFileOptions = { tree: RawTree; names: Map<string, string>; readFile: (path: string) => string };

/** Puts the contents of discord.tokenFile in the place of discord.token. */
function readTokenFile({ tree, names, readFile }: TokenFileOptions, problems: ConfigProblem[]): void {
  const discord = tree['discord'] as RawTree; // made by overlay
  const path = discord['tokenFile'];
  if (typeof path !== 'string' || path.trim() === '') return;
  const setting = names.get(TOKEN_FILE) ?? TOKEN_FILE;
  if (discord['token'] !== undefined) {
    problems.push({ setting, wrong: `is set, and ${names.get(TOKEN)} too`, remedy: 'Remove one of them.' });
    return;
  }
  const contents = fileContents(readFile, path);
  if (contents.ok) {
    discord['token'] = contents.text.replace(/\r?\n$/, '');
    names.set(TOKEN, `${setting} (the contents of ${path})`);
  } else {
    names.set(TOKEN, setting);
    const remedy = 'Give the path of a file that this user may read, with the token in it.';
    problems.push({
      setting,
      wrong: `names a file that can't be read: ${path} (${contents.reason})`,
      remedy,
    });
  }
}

function problemsOf(
  issue: z.core.$ZodIssue,
  names: ReadonlyMap<string, string>,
  yaml: YamlSource | undefined,
): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey([...issue.path, key], yaml));
  const yamlPath = issue.path.slice(0, 2).join('.');
  const inside = issue.path.slice(2);
  const fromYaml = names.get(yamlPath)?.startsWith(yamlPath) === true;
  const where =
    yamlPath + inside.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  const parts = inside.map((key) => (typeof key === 'number' ? `entry ${key + 1}` : String(key)));
  const entry = parts.length === 0 ? '' : ` (${parts.join(', ')})`;
  const setting =
    fromYaml && inside.length > 0
      ? `${where} (${yaml?.placeOf(issue.path)})`
      : `${names.get(yamlPath)}${entry}`;
  const remedy = issue.code === 'custom' ? String(issue.params?.['remedy']) : 'See docs/configuration.md.';
  return [{ setting, wrong: issue.message, remedy }];
}

function unknownKey(path: readonly PropertyKey[], yaml: YamlSource | undefined): ConfigProblem {
  const known =
    path.length === 1 ? SETTINGS.map(({ section }) => section) : SETTINGS.map(({ yamlPath }) => yamlPath);
  const sameSection = known.filter((name) => path.length === 1 || name.startsWith(`${String(path[0])}.`));
  const written = path.map(String).join('.');
  const near = nearestName(written, sameSection) ?? nearestName(written, known);
  const remedy =
    near === undefined ? 'Remove it; docs/configuration.md lists the settings.' : `Did you mean ${near}?`;
  return { setting: `${written} (${yaml?.placeOf(path)})`, wrong: 'is not a setting', remedy };
}

function isMap(value: unknown): value is RawTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
