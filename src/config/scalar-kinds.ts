/** Settings that hold one number, word or address. Pure. */
import { bad, good, type Kind, shown } from './kind.ts';
import { nearestName } from './nearest-name.ts';
import { Secret } from './secret.ts';

type Bounds = { min: number; max: number };

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};
const DURATION_UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The longest duration taken: a day, well below the 24 days after which Node's timers overflow. */
const MAX_DURATION_MS = 24 * 3_600_000;

export function integer(bounds: Bounds): Kind<number> {
  return measured({ type: 'integer', units: { '': 1 }, bounds, example: `such as ${bounds.min}` });
}

/** Bytes: `65536`, `64KiB`, `8MiB` or `1GiB`. */
export function size(bounds: Partial<Bounds> = {}): Kind<number> {
  const example = 'such as 65536, 64KiB, 8MiB or 1GiB';
  const full = { min: 1, max: 2 ** 40, ...bounds };
  return measured({ type: 'size', unit: 'bytes', units: SIZE_UNITS, bounds: full, example });
}

/** Milliseconds: `500`, `500ms`, `30s`, `5m` or `1h`. */
export function duration(bounds: Partial<Bounds> = {}): Kind<number> {
  const example = 'such as 500, 500ms, 30s or 5m';
  const full = { min: 1, max: MAX_DURATION_MS, ...bounds };
  return measured({ type: 'duration', unit: 'ms', units: DURATION_UNITS, bounds: full, example });
}

type Measure = {
  type: string;
  unit?: string;
  units: Readonly<Record<string, number>>;
  bounds: Bounds;
  example: string;
};

function measured({ type, unit, units, bounds, example }: Measure): Kind<number> {
  const counted = unit === undefined ? '' : ` (${unit})`;
  return {
    type,
    ...(unit === undefined ? {} : { unit }),
    read(raw) {
      const match = /^(\d+)\s*([a-z]*)$/i.exec(typeof raw === 'string' ? raw.trim() : String(raw));
      const factor = match ? units[(match[2] ?? '').toLowerCase()] : undefined;
      const isScalar = typeof raw === 'string' || typeof raw === 'number';
      if (!isScalar || !match || factor === undefined) {
        return bad(
          `is not a ${type === 'integer' ? 'whole number' : type}: ${shown(raw)}`,
          `Give a whole number${counted}, ${example}.`,
        );
      }
      const value = Number(match[1]) * factor;
      if (value < bounds.min || value > bounds.max) {
        return bad(
          `is out of range: ${shown(raw)}`,
          `Give a value from ${bounds.min} to ${bounds.max}${counted}.`,
        );
      }
      return good(value);
    },
  };
}

/** A number that need not be whole, above one bound and up to the other. */
export function decimal({ above, max }: { above: number; max: number }): Kind<number> {
  return {
    type: 'number',
    read(raw) {
      const isNumeral = typeof raw === 'string' && /^\d+(\.\d+)?$/.test(raw.trim());
      const value = isNumeral ? Number(raw) : raw;
      if (typeof value !== 'number' || Number.isNaN(value))
        return bad(`is not a number: ${shown(raw)}`, 'Give a number, such as 1 or 0.5.');
      if (value > above && value <= max) return good(value);
      return bad(`is out of range: ${shown(raw)}`, `Give a number above ${above} and up to ${max}.`);
    },
  };
}

export function boolean(): Kind<boolean> {
  return {
    type: '`true` or `false`',
    read(raw) {
      if (raw === true || raw === 'true') return good(true);
      if (raw === false || raw === 'false') return good(false);
      return bad(`is neither true nor false: ${shown(raw)}`, 'Give true or false.');
    },
  };
}

export function port(): Kind<number> {
  const inner = integer({ min: 0, max: 65_535 });
  return { ...inner, type: 'port' };
}

export function choice<const Name extends string>(names: readonly Name[]): Kind<Name> {
  return {
    type: names.map((name) => `\`${name}\``).join(', '),
    read(raw) {
      const found = names.find((name) => name === raw);
      if (found !== undefined) return good(found);
      const near = typeof raw === 'string' ? nearestName(raw, names) : undefined;
      const hint = near === undefined ? '' : ` Did you mean ${near}?`;
      return bad(`is not one of its values: ${shown(raw)}`, `Give one of ${names.join(', ')}.${hint}`);
    },
  };
}

export function text(type: string): Kind<string> {
  return {
    type,
    read(raw) {
      if (typeof raw !== 'string') return bad(`is not text: ${shown(raw)}`, 'Put it in quotes.');
      if (raw.trim() === '') return bad('is empty', 'Give it a value, or leave it out.');
      if (raw !== raw.trim()) return bad('begins or ends with a space', 'Remove the space.');
      return good(raw);
    },
  };
}

/** Text that the whole of `pattern` matches; `allowed` tells its characters. */
export function matching(form: { type: string; pattern: RegExp; allowed: string }): Kind<string> {
  return {
    type: form.type,
    read(raw) {
      if (typeof raw === 'string' && form.pattern.test(raw)) return good(raw);
      const isNumber = typeof raw === 'number' ? ', in quotes' : '';
      return bad(
        `is not a ${form.type} that can be used here: ${shown(raw)}`,
        `Give 1 to 64 of the characters ${form.allowed}${isNumber}.`,
      );
    },
  };
}

/** An absolute URL of one of `schemes` (`https`, `wss`, …), without credentials and query; given back without a trailing slash. */
export function url(schemes: readonly string[]): Kind<string> {
  const example = `Give a URL such as ${schemes[schemes.length - 1]}://example.com/path.`;
  return {
    type: `${schemes.join(' or ')} URL`,
    read(raw) {
      if (typeof raw !== 'string') return bad(`is not a URL: ${shown(raw)}`, example);
      const parsed = URL.parse(raw);
      // What can't be parsed may still hold a password: it isn't repeated.
      const what = raw.includes('@') ? '' : `: ${shown(raw)}`;
      if (parsed === null) return bad(`is not a URL${what}`, example);
      if (parsed.username !== '' || parsed.password !== '') {
        return bad('carries a user name or password', 'Leave them out of the URL.');
      }
      if (!schemes.includes(parsed.protocol.slice(0, -1))) {
        return bad(
          `has a scheme that can't be used here${what}`,
          `Begin it with ${schemes.join(':// or ')}://.`,
        );
      }
      if (parsed.search !== '' || parsed.hash !== '') {
        return bad('has a query or a fragment', 'End it before the "?" or "#"; shardmux adds its own query.');
      }
      return good(parsed.href.replace(/\/+$/, ''));
    },
  };
}

export function secret(minCharacters: number): Kind<Secret> {
  return {
    type: `secret, ${minCharacters} characters or more`,
    read(raw) {
      const reading = secretText(raw);
      if (!reading.ok) return reading;
      if (reading.value.length < minCharacters) {
        return bad(
          `is too short (${reading.value.length} characters)`,
          `Give ${minCharacters} or more, such as the output of: openssl rand -hex 32`,
        );
      }
      return good(new Secret(reading.value));
    },
  };
}

/** A secret that somebody else has chosen: of any length. */
export function secretOf(what: string): Kind<Secret> {
  return {
    type: 'secret',
    read(raw) {
      // Another system's rule, not ours: a password may have what no token has.
      if (typeof raw !== 'string') return bad('is not text', 'Put it in quotes.');
      if (raw === '') return bad('is empty', `Give the ${what}, or leave it out.`);
      if (/[\r\n]/.test(raw)) return bad('has a line break in it', 'Give it without.');
      return good(new Secret(raw));
    },
  };
}

/** The Bot token of Discord's developer portal. Its inner form is Discord's business: stand-ins have tokens of another form. */
export function botToken(): Kind<Secret> {
  return {
    type: 'secret',
    read(raw) {
      const bare = typeof raw === 'string' ? raw.replace(/^Bot\s+/, '') : raw;
      if (typeof bare === 'number' || (typeof bare === 'string' && /^\d+$/.test(bare))) {
        return bad('is a number, which an application id is and a token is not', PORTAL);
      }
      const reading = secretText(bare);
      return reading.ok ? good(new Secret(reading.value)) : reading;
    },
  };
}

const PORTAL = 'Copy the token from the "Bot" page of https://discord.com/developers/applications.';

/** Secrets travel in JSON, in headers and through shells; what is refused here is what a slip of the hand adds on the way. */
export function secretText(raw: unknown): ReturnType<Kind<string>['read']> {
  if (typeof raw !== 'string') return bad('is not text', 'Put it in quotes.');
  if (raw.trim() === '') return bad('is empty', 'Give it a value.');
  if (/^["'`]|["'`]$/.test(raw)) {
    return bad('has quotes around it', 'Remove the quotes: they became part of the value.');
  }
  if (/\s/.test(raw)) return bad('has a space or a line break in it', 'Give it without.');
  if (!/^[\x21-\x7e]+$/.test(raw))
    return bad('has a character that no token has', 'Copy it again, letter by letter.');
  return good(raw);
}
