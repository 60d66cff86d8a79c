/** The Lua scripts: one file per atomic decision, in lua/, each behind lua/shared.lua. `npm run build` copies them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const NAMES = [
  'acquire-leases',
  'append-tail',
  'begin-guilds',
  'begin-tail',
  'check-access',
  'commit-guilds',
  'exchange-shares',
  'join-application',
  'leave-application',
  'load-guilds',
  'load-tail',
  'note-identify',
  'pass-lease',
  'put-guilds',
  'read-budget',
  'read-guilds',
  'renew-membership',
  'reserve-slot',
  'set-budget',
  'take-slot',
] as const;

export type ScriptName = (typeof NAMES)[number];

export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

function read(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}

export function loadScripts(): ReadonlyMap<ScriptName, Script> {
  const shared = read('shared');
  return new Map(
    NAMES.map((name) => {
      const lua = `${shared}\n${read(name)}`;
      return [name, { lua, sha1: createHash('sha1').update(lua).digest('hex') }];
    }),
  );
}
