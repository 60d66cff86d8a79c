/** Loads configuration from an environment and files that are maps. */
import { inspect } from 'node:util';
import { type ConfigProblem, type GatewayConfig, loadConfig } from '../../../src/config/index.ts';

export const TOKEN = { SHARDMUX_DISCORD_TOKEN: 'abc.def.ghi' };

type Env = Record<string, string>;
type Files = Record<string, string>;

export function load(env: Env, files: Files = {}, configPath?: string) {
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  return loadConfig({ env, readFile, configPath });
}

export function configOf(env: Env, files: Files = {}): GatewayConfig {
  const result = load(env, files);
  if (!result.ok) throw new Error(inspect(result.problems));
  return result.config;
}

export function problemsOf(env: Env, files: Files = {}): readonly ConfigProblem[] {
  const result = load(env, files);
  return result.ok ? [] : result.problems;
}

/** The environment that names a YAML file of these contents, and that file. */
export function yamlFile(contents: string, env: Env = {}): [Env, Files] {
  return [{ ...env, SHARDMUX_CONFIG: 's.yaml' }, { 's.yaml': contents }];
}
