/** The settings as rows, made from the schema: what they are called in each place, and docs/configuration.md's table. */
import { SECTIONS } from './schema.ts';
import { type SettingMeta, settingRegistry } from './setting.ts';

export type SettingEntry = SettingMeta & { section: string; name: string; yamlPath: string; envName: string };

export const ENV_PREFIX = 'SHARDMUX_';

/** Names the YAML file, so it can't be in it. */
export const CONFIG_PATH_ENV_NAME = 'SHARDMUX_CONFIG';

export const SETTINGS: readonly SettingEntry[] = Object.entries(SECTIONS).flatMap(([section, { shape }]) =>
  Object.entries(shape).map(([name, schema]) => {
    const meta = settingRegistry.get(schema);
    if (meta === undefined)
      throw new Error(`${section}.${name} is in the schema but was not made by setting() or optional()`);
    return { ...meta, section, name, yamlPath: `${section}.${name}`, envName: envNameOf(section, name) };
  }),
);

/** `discord.apiUrl` → `SHARDMUX_DISCORD_API_URL`. */
function envNameOf(section: string, name: string): string {
  return ENV_PREFIX + `${section}_${name}`.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
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

function defaultText({ default: value, required }: SettingEntry): string {
  if (required !== undefined) return '**required**';
  return value === undefined || typeof value === 'object' ? 'none' : `\`${value}\``;
}
