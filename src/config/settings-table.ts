/** The settings as rows, made from the schema: what they are called in each place, and docs/configuration.md's table. */
import type { z } from 'zod';
import { TREE_SHAPE } from './schema.ts';
import { type SettingMeta, settingRegistry } from './setting.ts';

export type SettingEntry = SettingMeta & {
  /** Its place in the tree: section and name, or the name alone. */
  path: readonly [string, string] | readonly [string];
  yamlPath: string;
  envName: string;
};

export const ENV_PREFIX = 'SHARDMUX_';

/** Names the YAML file, so it can't be in it. */
export const CONFIG_PATH_ENV_NAME = 'SHARDMUX_CONFIG';

export const SETTINGS: readonly SettingEntry[] = Object.entries(TREE_SHAPE).flatMap(([section, schema]) =>
  'shape' in schema
    ? Object.entries(schema.shape).map(([name, inner]) => entryOf([section, name], inner))
    : [entryOf([section], schema)],
);

function entryOf(path: SettingEntry['path'], schema: z.ZodType): SettingEntry {
  const meta = settingRegistry.get(schema);
  const yamlPath = path.join('.');
  if (meta === undefined)
    throw new Error(`${yamlPath} is in the schema but was not made by setting() or optional()`);
  return { ...meta, path, yamlPath, envName: envNameOf(path) };
}

/** `discord.apiUrl` → `SHARDMUX_DISCORD_API_URL`. */
function envNameOf(path: readonly string[]): string {
  return (
    ENV_PREFIX +
    path
      .join('_')
      .replace(/[A-Z]/g, (letter) => `_${letter}`)
      .toUpperCase()
  );
}

/** The table of docs/configuration.md, as Markdown. */
export function settingsMarkdown(): string {
  const rows = SETTINGS.map((entry) => {
    const type = entry.unit === undefined ? entry.type : `${entry.type} (${entry.unit})`;
    return `| \`${entry.envName}\` | \`${entry.yamlPath}\` | ${type} | ${defaultText(entry)} | ${entry.description} |`;
  });
  return [
    '| environment variable | YAML path | type | default | what it is |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function defaultText({ default: value, leftOut }: SettingEntry): string {
  if (leftOut !== undefined) return leftOut;
  return value === undefined || typeof value === 'object' ? 'none' : `\`${value}\``;
}
