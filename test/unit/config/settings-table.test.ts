import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SETTINGS, settingsMarkdown } from '../../../src/config/settings-table.ts';

it('names the environment variable of a setting after its YAML path', () => {
  const names = new Map(SETTINGS.map(({ yamlPath, envName }) => [yamlPath, envName]));
  expect(names.get('discord.apiUrl')).toBe('SHARDMUX_DISCORD_API_URL');
  expect(names.get('eventLog.maxBytesPerShard')).toBe('SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD');
  expect(new Set(names.values()).size).toBe(SETTINGS.length);
});

it('describes each setting in one sentence', () => {
  expect(SETTINGS.filter(({ description }) => !/^[^\n|]+\.$/.test(description))).toEqual([]);
});

it('is what docs/configuration.md has (else run: node scripts/configuration-table.ts)', () => {
  expect(readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')).toContain(
    settingsMarkdown(),
  );
});
