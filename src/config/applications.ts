/** The list of bots of one deployment, `applications`. Pure. */
import type { z } from 'zod';
import { applicationIdOf, isSnowflake } from '../protocol/application-id.ts';
import { type DiscordSettings, discord } from './discord-section.ts';
import { bad, type Fault, good, type Kind, type Reading, shown } from './kind.ts';
import { nearestName } from './nearest-name.ts';
import type { Secret } from './secret.ts';

/** An entry as it is written: what is left out is taken from the section `discord`. */
export type ApplicationSetting = Readonly<Partial<Omit<DiscordSettings, 'token'>>> & {
  readonly id: string;
  readonly token: Secret;
};

type Bad = Extract<Reading<never>, { ok: false }>;

const EXAMPLE = 'Give a list of objects such as {"token":"…","shardCount":2}.';

export function applications(): Kind<readonly ApplicationSetting[]> {
  return {
    type: 'list of objects (JSON in the environment)',
    read(raw) {
      const items = applicationItems(raw);
      if (items === undefined) return bad('is not a list', EXAMPLE);
      if (items.length === 0) return bad('is an empty list', `${EXAMPLE} Or leave it out.`);
      const faults: Fault[] = [];
      const read: ApplicationSetting[] = [];
      for (const [index, item] of items.entries()) {
        const one = application(item);
        const found = one.ok ? repeated(one.value, read) : one.faults;
        faults.push(...found.map((fault) => ({ ...fault, at: [index, ...(fault.at ?? [])] })));
        if (one.ok) read.push(one.value);
      }
      return faults.length === 0 ? good(read) : { ok: false, faults };
    },
  };
}

/** The entries, still unread: a list as YAML gives it, or as JSON. What is wrong is never quoted, because it holds tokens. */
export function applicationItems(raw: unknown): readonly unknown[] | undefined {
  if (typeof raw !== 'string') return Array.isArray(raw) ? raw : undefined;
  try {
    return applicationItems(JSON.parse(raw) as object);
  } catch {
    return undefined;
  }
}

function repeated({ id, token }: ApplicationSetting, others: readonly ApplicationSetting[]): Fault[] {
  const faults: Fault[] = [];
  if (others.some((other) => other.token.reveal() === token.reveal())) {
    const remedy = 'Remove one of the two, or give each the token of its own bot.';
    faults.push({ at: ['token'], wrong: 'repeats the token of another entry', remedy });
  } else if (others.some((other) => other.id === id)) {
    faults.push({ at: ['id'], wrong: `repeats the id ${id}`, remedy: 'Give each application once.' });
  }
  return faults;
}

function application(item: unknown): Reading<ApplicationSetting> {
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    return bad('is not an object', EXAMPLE);
  const faults: Fault[] = [];
  const settings: Record<string, unknown> = {};
  for (const [key, raw] of Object.entries(item)) {
    const reading = readKey(key, raw);
    if (reading.ok) settings[key] = reading.value;
    else faults.push(...reading.faults);
  }
  if (faults.length > 0) return { ok: false, faults };
  const token = settings['token'] as Secret | undefined; // read by the schema of discord.token
  if (token === undefined) {
    const remedy = 'Give the entry the token of its bot, or a tokenFile that holds it.';
    return { ok: false, faults: [{ at: ['token'], wrong: 'is not set', remedy }] };
  }
  const id = settings['id'] ?? applicationIdOf(token.reveal());
  if (typeof id !== 'string') {
    const remedy =
      'Give the application id of the "General Information" page of https://discord.com/developers/applications, in quotes.';
    return {
      ok: false,
      faults: [{ at: ['id'], wrong: 'is not set, and the token does not tell it', remedy }],
    };
  }
  return good({ ...settings, id, token });
}

/** Each key is read as in the section `discord`, and only those that are there: the rest is inherited. */
function readKey(key: string, raw: unknown): Reading<unknown> {
  if (key === 'id') return applicationId(raw);
  const shape: Readonly<Record<string, z.ZodType>> = discord.shape;
  const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
  // The key is not repeated: in a list that was mistyped it may be a token.
  if (schema === undefined) {
    const near = nearestName(key, ['id', ...Object.keys(shape)]);
    const hint = near === undefined ? '' : ` Did you mean ${near}?`;
    return bad('has an unknown key', `An application has an id and the keys of the section discord.${hint}`);
  }
  if (raw === null) return at(key, bad('has no value', 'Give it one, or remove it.'));
  const result = schema.safeParse(raw);
  if (result.success) return good(result.data);
  const faults = result.error.issues.map((issue) => ({
    at: issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
    wrong: issue.message,
    remedy: issue.code === 'custom' ? String(issue.params?.['remedy']) : 'See docs/configuration.md.',
  }));
  return at(key, { ok: false, faults });
}

function at(key: string, { faults }: Bad): Bad {
  return { ok: false, faults: faults.map((fault) => ({ ...fault, at: [key, ...(fault.at ?? [])] })) };
}

function applicationId(raw: unknown): Reading<string> {
  if (typeof raw === 'string' && isSnowflake(raw)) return good(raw);
  // As a number it has already lost digits.
  if (typeof raw === 'number') return at('id', bad('is a number', 'Put it in quotes.'));
  // Somebody may have put the token here.
  const what = typeof raw === 'string' && /^\d+$/.test(raw) ? `: ${shown(raw)}` : '';
  return at('id', bad(`is not an application id${what}`, 'Give 15 to 20 digits, in quotes.'));
}
