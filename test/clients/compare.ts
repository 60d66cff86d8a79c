/** Holds what a library has cached of a guild against the simulator's truth. Says how they differ, as a list of lines. */
import { isDeepStrictEqual } from 'node:util';
import type { GuildBody } from '../../src/simulator/index.ts';

export type Entity = GuildBody;

/** How a library keeps an object of Discord's. Every field of the truth is compared, but for those in `absent`. */
export interface Rules {
  /** Fields that it keeps under another name than their own in camel case. */
  readonly names?: Readonly<Record<string, string>>;
  /** What it makes of a field's value. */
  readonly values?: Readonly<Record<string, (value: unknown) => unknown>>;
  /** Fields that are objects, or arrays of objects, with rules of their own. */
  readonly nested?: Readonly<Record<string, Rules>>;
  /** Fields that it does not keep, and why they are left out here. */
  readonly absent?: Readonly<Record<string, string>>;
  /** Where only these fields are compared. */
  readonly only?: readonly string[];
}

/** The lists of a GUILD_CREATE, under the library's names. */
export interface ListRules extends Rules {
  readonly cachedAs: string;
  /** What tells its elements apart. */
  readonly idOf: (one: Entity) => string;
  /** Before it is compared, as where the library keeps an inner object's fields beside the others. */
  readonly prepare?: (one: Entity) => Entity;
  /** Which of the cached elements count, where the library keeps some for longer than Discord lists them. */
  readonly counts?: (cached: Entity, guild: Entity) => boolean;
  /** Why the library keeps elements that live events have ended. */
  readonly stale?: string | undefined;
  /** Why it keeps those that ended while the guild was out. */
  readonly staleAfterOutage?: string | undefined;
}

export interface GuildRules extends Rules {
  readonly lists: Readonly<Record<string, ListRules>>;
}

const MAX_LINES = 20;

/** What a client has been through. */
export interface Past {
  /** It has seen no live events. */
  readonly isFresh: boolean;
  /** Guilds, by id, that were out meanwhile. */
  readonly outages: ReadonlySet<string>;
}

const NO_PAST: Past = { isFresh: true, outages: new Set() };

/** `truth` and `cached` are guilds by id. */
export function differences(
  truth: Readonly<Record<string, Entity>>,
  cached: Readonly<Record<string, Entity>>,
  rules: GuildRules,
  past = NO_PAST,
): string[] {
  const lines = differentKeys(Object.keys(truth), Object.keys(cached), 'guilds');
  for (const [id, guild] of Object.entries(truth)) {
    const copy = cached[id];
    // Of one that is out nothing is known, whatever the library still has of it.
    if (copy && guild['unavailable'] !== true) lines.push(...guildDifferences(guild, copy, rules, past));
  }
  return lines.slice(0, MAX_LINES);
}

function guildDifferences(
  guild: Entity,
  cached: Entity,
  { lists, ...rules }: GuildRules,
  { isFresh, outages }: Past,
): string[] {
  const where = `guild ${String(guild['id'])}`;
  const own = Object.fromEntries(Object.entries(guild).filter(([field]) => !(field in lists)));
  const lines = fieldDifferences(own, cached, rules, where);
  for (const [name, list] of Object.entries(lists)) {
    const elements = (guild[name] as Entity[]).map((one) => [list.idOf(one), one] as const); // A list of a GUILD_CREATE.
    const copies = Object.entries(objectOf(cached[list.cachedAs])).filter(
      ([, copy]) => list.counts?.(objectOf(copy), cached) ?? true,
    );
    const stale = list.stale ?? (outages.has(String(guild['id'])) ? list.staleAfterOutage : undefined);
    const rulesNow = { ...list, stale: isFresh ? undefined : stale };
    lines.push(...listDifferences(new Map(elements), new Map(copies), rulesNow, `${where} ${name}`));
  }
  return lines;
}

function listDifferences(
  truth: ReadonlyMap<string, Entity>,
  cached: ReadonlyMap<string, unknown>,
  rules: ListRules,
  where: string,
): string[] {
  const keys = [...cached.keys()].filter((key) => !rules.stale || truth.has(key));
  const lines = differentKeys([...truth.keys()], keys, where);
  for (const [id, one] of truth) {
    if (!cached.has(id)) continue;
    const prepared = rules.prepare?.(one) ?? one;
    lines.push(...fieldDifferences(prepared, objectOf(cached.get(id)), rules, `${where} ${id}`));
  }
  return lines;
}

function differentKeys(truth: readonly string[], cached: readonly string[], where: string): string[] {
  const missing = truth.filter((key) => !cached.includes(key));
  const extra = cached.filter((key) => !truth.includes(key));
  return [
    ...missing.map((key) => `${where}: ${key} is not cached`),
    ...extra.map((key) => `${where}: ${key} is cached and does not exist`),
  ];
}

function fieldDifferences(truth: Entity, cached: Entity, rules: Rules, where: string): string[] {
  return Object.entries(truth).flatMap(([field, value]) => {
    if (rules.absent && field in rules.absent) return [];
    if (rules.only && !rules.only.includes(field)) return [];
    const name = rules.names?.[field] ?? camelCase(field);
    const nested = rules.nested?.[field];
    if (nested) return nestedDifferences(value, cached[name], nested, `${where} ${field}`);
    const expected = rules.values?.[field]?.(value) ?? value;
    if (isSame(expected, cached[name])) return [];
    return [`${where} ${field}: ${show(cached[name])} is cached, ${show(expected)} is true`];
  });
}

function nestedDifferences(truth: unknown, cached: unknown, rules: Rules, where: string): string[] {
  if (!Array.isArray(truth)) return fieldDifferences(objectOf(truth), objectOf(cached), rules, where);
  const copies: unknown[] = Array.isArray(cached) ? cached : [];
  if (copies.length !== truth.length) return [`${where}: ${copies.length} are cached of ${truth.length}`];
  return truth.flatMap((one, index) =>
    fieldDifferences(objectOf(one), objectOf(copies[index]), rules, `${where} ${index}`),
  );
}

/** Arrays of ids and names have no order that matters. */
function isSame(truth: unknown, cached: unknown): boolean {
  if (!areTexts(truth) || !areTexts(cached)) return isDeepStrictEqual(truth, cached);
  return isDeepStrictEqual([...truth].sort(), [...cached].sort());
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}

function camelCase(field: string): string {
  return field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function objectOf(value: unknown): Entity {
  // The reason for the cast: what is no array and no null is an object with keys.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entity) : {};
}
