/** Writes the table of settings into docs/configuration.md, between its two marks. `--check` only says whether it is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsMarkdown } from '../src/config/index.ts';

const DOCUMENT = new URL('../docs/configuration.md', import.meta.url);

const written = readFileSync(DOCUMENT, 'utf8');
const marks = /(<!-- settings: begin[^>]*-->\n)[\s\S]*(\n<!-- settings: end -->)/;
if (!marks.test(written)) throw new Error('docs/configuration.md has lost the marks of its settings table');
const fresh = written.replace(marks, (_, begin: string, end: string) => begin + settingsMarkdown() + end);

if (process.argv.includes('--check')) {
  if (fresh !== written) {
    console.error('docs/configuration.md is stale: run node scripts/configuration-table.ts');
    process.exitCode = 1;
  }
} else if (fresh !== written) {
  writeFileSync(DOCUMENT, fresh);
}
