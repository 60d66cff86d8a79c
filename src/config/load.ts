/** From the environment and a YAML file to a checked, frozen configuration, or to all that is wrong with it. No `process.*`. */
import type { z } from 'zod';
import { type Environment, environmentProblems } from './env-source.ts';
import { nearestName } from './nearest-name.ts';
import type { ConfigProblem } from './problem.ts';
import { type GatewayConfig, resolve } from './resolve.ts';
import { gatewaySchema } from './schema.ts';
import { fileContents, indexed, isMap, type RawTree, readSecretFiles } from './secret-files.ts';
import { CONFIG_PATH_ENV_NAME, SETTINGS, type SettingEntry } from './settings-table.ts';
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

export function loadConfig({ env, readFile, configPath }: LoadConfigOptions): ConfigResult {
  const problems = environmentProblems(env);
  const nameProblems = problems.length;
  const yaml = yamlSource({ env, readFile, configPath }, problems);
  const isFileUnread = problems.length > nameProblems;
  const { tree, names } = overlay(env, yaml, problems);
  readSecretFiles({ tree, names, readFile, placeOf: yaml?.placeOf }, problems);
  const told = new Set(problems.map(({ setting }) => setting));
  const result = gatewaySchema.safeParse(tree);
  for (const issue of result.error?.issues ?? []) {
    // What is missing may be in the file that couldn't be read.
    if (isFileUnread && issue.code === 'custom' && issue.params?.['isComparison']) continue;
    const found = problemsOf(issue, names, yaml);
    // A value that is already said to be empty or unreadable is not also said to be missing.
    problems.push(...found.filter(({ setting }) => !told.has(setting)));
  }
  if (problems.length > 0 || !result.success) return { ok: false, problems };
  return { ok: true, config: deepFreeze(resolve(result.data)) };
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
  for (const section of new Set(SETTINGS.map(sectionOf))) {
    if (section === undefined) continue;
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
  for (const entry of SETTINGS) {
    const { path, envName, yamlPath } = entry;
    const section = sectionOf(entry);
    const values = section === undefined ? tree : (tree[section] as RawTree); // made by the loop above
    const name = path.at(-1) ?? '';
    const fromEnv = env[envName];
    names.set(
      yamlPath,
      fromEnv === undefined && name in values ? `${yamlPath} (${yaml?.placeOf(path)})` : envName,
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

function sectionOf({ path }: SettingEntry): string | undefined {
  return path.length === 2 ? path[0] : undefined;
}

const SECTION_REMEDY =
  'Write "section:" and indented under it "name: value"; docs/configuration.md lists them.';

function problemsOf(
  issue: z.core.$ZodIssue,
  names: ReadonlyMap<string, string>,
  yaml: YamlSource | undefined,
): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey([...issue.path, key], yaml));
  const remedy = issue.code === 'custom' ? String(issue.params?.['remedy']) : 'See docs/configuration.md.';
  return [{ setting: nameOf(issue.path, names, yaml), wrong: issue.message, remedy }];
}

/** What the user calls the setting at `path`, or the part of it. */
function nameOf(
  path: readonly PropertyKey[],
  names: ReadonlyMap<string, string>,
  yaml: YamlSource | undefined,
): string {
  const exact = names.get(path.join('.'));
  if (exact !== undefined) return exact;
  const length = names.has(String(path[0])) ? 1 : 2;
  const yamlPath = path.slice(0, length).join('.');
  const inside = path.slice(length);
  if (names.get(yamlPath)?.startsWith(yamlPath) === true)
    return `${yamlPath}${inside.map(indexed).join('')} (${yaml?.placeOf(path)})`;
  const parts = inside.map((key) => (typeof key === 'number' ? `entry ${key + 1}` : String(key)));
  return `${names.get(yamlPath)} (${parts.join(', ')})`;
}

function unknownKey(path: readonly PropertyKey[], yaml: YamlSource | undefined): ConfigProblem {
  const known = SETTINGS.map(({ path: [section], yamlPath }) => (path.length === 1 ? section : yamlPath));
  const sameSection = known.filter((name) => path.length === 1 || name.startsWith(`${String(path[0])}.`));
  const written = path.map(String).join('.');
  const near = nearestName(written, sameSection) ?? nearestName(written, known);
  const remedy =
    near === undefined ? 'Remove it; docs/configuration.md lists the settings.' : `Did you mean ${near}?`;
  return { setting: `${written} (${yaml?.placeOf(path)})`, wrong: 'is not a setting', remedy };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
