/** Settings that hold a list or an object: intents, presence, worker tokens. Pure. */
import { z } from 'zod';
import { ALL_INTENTS, INTENTS, UNPRIVILEGED_INTENTS } from '../protocol/intents.ts';
import { bad, type Fault, good, type Kind, type Reading, shown } from './kind.ts';
import { nearestName } from './nearest-name.ts';
import { choice, integer, secretText } from './scalar-kinds.ts';
import { Secret } from './secret.ts';

/** Names for `discord.intents`: Discord's own, and two for many at once. */
const INTENT_NAMES: ReadonlyMap<string, number> = new Map([
  ...Object.entries(INTENTS),
  ['UNPRIVILEGED', UNPRIVILEGED_INTENTS],
  ['ALL', ALL_INTENTS],
]);

/** Intents are 31 bits at most: they travel as a JSON number, and bit operations here are on 32-bit integers. */
const MAX_INTENTS = 2 ** 31 - 1;

export function intents(): Kind<number> {
  const bits = integer({ min: 0, max: MAX_INTENTS });
  return {
    type: 'integer or list of intent names',
    read(raw) {
      if (typeof raw === 'number' || (typeof raw === 'string' && /^\s*\d+\s*$/.test(raw)))
        return bits.read(raw);
      const names = listItems(raw);
      if (names === undefined) return bad(`is not a list of intents: ${shown(raw)}`, 'Give their names.');
      let value = 0;
      const faults: Fault[] = [];
      for (const name of names) {
        const bit = typeof name === 'string' ? INTENT_NAMES.get(name) : undefined;
        if (bit === undefined) faults.push(unknownIntent(name));
        else value |= bit;
      }
      return faults.length === 0 ? good(value) : { ok: false, faults };
    },
  };
}

function unknownIntent(name: unknown): Fault {
  const near = nearestName(String(name), INTENT_NAMES.keys());
  return {
    wrong: `names an intent that does not exist: ${shown(name)}`,
    remedy: near === undefined ? 'See docs/configuration.md for the names.' : `Did you mean ${near}?`,
  };
}

/** Some of these names, or none. */
export function choices<const Name extends string>(names: readonly Name[]): Kind<readonly Name[]> {
  const one = choice(names);
  return {
    type: `list of ${one.type}`,
    read(raw) {
      const items = listItems(raw)?.filter((item) => item !== '');
      if (items === undefined)
        return bad(`is not a list: ${shown(raw)}`, `Give some of ${names.join(', ')}.`);
      const readings = items.map((item) => one.read(item));
      const faults = readings.flatMap((reading) => (reading.ok ? [] : reading.faults));
      if (faults.length > 0) return { ok: false, faults };
      return good(readings.flatMap((reading) => (reading.ok ? [reading.value] : [])));
    },
  };
}

/** A list as YAML gives it, or the parts of `a,b`; undefined where it is neither. */
export function listItems(raw: unknown): readonly unknown[] | undefined {
  if (Array.isArray(raw)) return raw;
  return typeof raw === 'string' ? raw.split(',').map((item) => item.trim()) : undefined;
}

export type ShardCount = 'auto' | number;

/** More shards than any bot has; a typo beyond it would ask for millions of connections. */
const MAX_SHARDS = 100_000;

export function shardCount(): Kind<ShardCount> {
  const count = integer({ min: 1, max: MAX_SHARDS });
  return { type: '`auto` or integer', read: (raw) => (raw === 'auto' ? good(raw) : count.read(raw)) };
}

/** https://discord.com/developers/docs/events/gateway-events#update-presence-gateway-presence-update-structure */
const presenceSchema = z.strictObject({
  since: z.number().int().nullable().default(null),
  activities: z
    .array(z.looseObject({ name: z.string().max(128), type: z.number().int().min(0) }))
    .default([]),
  status: z.enum(['online', 'dnd', 'idle', 'invisible', 'offline']).default('online'),
  afk: z.boolean().default(false),
});

export type PresenceSetting = z.output<typeof presenceSchema>;

export function presence(): Kind<PresenceSetting> {
  return {
    type: "object of Discord's presence update (JSON in the environment)",
    read(raw) {
      const value = typeof raw === 'string' ? parsedJson(raw) : raw;
      const result = presenceSchema.safeParse(value);
      if (result.success) return good(result.data);
      const example = 'Give an object such as {"status":"online","activities":[{"name":"chess","type":0}]}.';
      if (value === null || typeof value !== 'object') return bad('is not a JSON object', example);
      const faults = result.error.issues.map((issue) => ({
        at: issue.path.map((key) => (typeof key === 'number' ? key : String(key))),
        wrong: `is not a presence: ${issue.message}`,
        remedy: example,
      }));
      return { ok: false, faults };
    },
  };
}

function parsedJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

export type WorkerTokenSetting = {
  readonly name: string;
  readonly token: Secret;
  /** The only application it is good for; left out, it is good for all. */
  readonly application?: string;
};

type ReadToken = { name: string; token: string; application?: string };

/** Guessing a token of 16 characters is out of reach over a network; a shorter one is likely a placeholder. */
const MIN_WORKER_TOKEN_CHARACTERS = 16;

const WORKER_TOKEN_KEYS: ReadonlySet<string> = new Set(['name', 'token', 'application']);

const WORKER_NAME = /^[a-z0-9\-_.]{1,64}$/;

export function workerTokens(): Kind<readonly WorkerTokenSetting[]> {
  return {
    type: 'list of name, token and optionally application (`name:token,name2:token2` in the environment)',
    read(raw) {
      const items = typeof raw === 'string' ? listItems(raw)?.map(nameAndToken) : raw;
      if (!Array.isArray(items)) return bad('is not a list', 'Give a list of objects with name and token.');
      const faults: Fault[] = [];
      const read: ReadToken[] = [];
      for (const [index, item] of items.entries()) {
        const one = workerToken(item);
        if (!one.ok) {
          faults.push(...one.faults.map((fault) => ({ ...fault, at: [index, ...(fault.at ?? [])] })));
          continue;
        }
        if (read.some(({ name }) => name === one.value.name)) {
          const remedy = 'Give each worker token a name of its own.';
          faults.push({ at: [index, 'name'], wrong: `repeats the name ${one.value.name}`, remedy });
        }
        if (read.some(({ token }) => token === one.value.token)) {
          const remedy = 'Give each name a token of its own.';
          faults.push({ at: [index, 'token'], wrong: 'repeats the token of another name', remedy });
        }
        read.push(one.value);
      }
      if (faults.length > 0) return { ok: false, faults };
      return good(read.map(({ token, ...others }) => ({ ...others, token: new Secret(token) })));
    },
  };
}

/** The first colon ends the name: names have none, tokens may. Without one the text is a token, most likely. */
function nameAndToken(item: unknown): unknown {
  const parts = /^([^:]*):(.*)$/s.exec(String(item));
  return parts === null ? { token: item } : { name: parts[1], token: parts[2] };
}

/** What is wrong is told without the values: a name that isn't one may be a token in the wrong place. */
function workerToken(item: unknown): Reading<ReadToken> {
  const fields = typeof item === 'object' && item !== null && !Array.isArray(item) ? item : {};
  const faults: Fault[] = [];
  const name = 'name' in fields ? fields.name : undefined;
  if (typeof name !== 'string' || !WORKER_NAME.test(name)) {
    const remedy =
      'Give it 1 to 64 of the characters a-z 0-9 - _ and the full stop, in quotes where it is a number.';
    faults.push({ at: ['name'], wrong: name === undefined ? 'has no name' : 'is not a name', remedy });
  }
  const token = 'token' in fields ? secretText(fields.token) : bad('has no token', 'Give it one.');
  if (!token.ok) faults.push(...token.faults.map((fault) => ({ ...fault, at: ['token'] })));
  else if (token.value.length < MIN_WORKER_TOKEN_CHARACTERS) {
    const remedy = `Give ${MIN_WORKER_TOKEN_CHARACTERS} or more, such as the output of: openssl rand -hex 32`;
    faults.push({ at: ['token'], wrong: `is too short (${token.value.length} characters)`, remedy });
  }
  const application = 'application' in fields ? fields.application : undefined;
  if (
    application !== undefined &&
    !(typeof application === 'string' && /^[0-9a-f]{15,20}$/.test(application))
  ) {
    const remedy = 'Give the id of an application, in quotes, or leave it out.';
    faults.push({ at: ['application'], wrong: 'is not an application id', remedy });
  }
  // The key is not repeated: it may be the token itself.
  if (Object.keys(fields).some((key) => !WORKER_TOKEN_KEYS.has(key))) {
    const remedy = 'A worker token has a name and a token, may have an application, and nothing else.';
    faults.push({ wrong: 'has an unknown key', remedy });
  }
  if (faults.length > 0 || typeof name !== 'string' || !token.ok) return { ok: false, faults };
  return good({ name, token: token.value, ...(typeof application === 'string' && { application }) });
}
