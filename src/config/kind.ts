/** What a setting may hold: how it is written (in an environment variable or in YAML) and how it is read. Pure. */

/** One thing wrong with a value. `wrong` follows the setting's name; `remedy` is a sentence of its own. */
export type Fault = { at?: readonly (string | number)[]; wrong: string; remedy: string };

export type Reading<T> = { ok: true; value: T } | { ok: false; faults: readonly Fault[] };

export type Kind<T> = {
  /** For the documentation, such as `integer` or `list of names`. */
  type: string;
  /** For the documentation, such as `ms`; absent where there is none. */
  unit?: string;
  /** `raw` is a string out of the environment, or whatever YAML made of it; never undefined. */
  read(raw: unknown): Reading<T>;
};

export function good<T>(value: T): Reading<T> {
  return { ok: true, value };
}

export function bad(wrong: string, remedy: string): { ok: false; faults: readonly Fault[] } {
  return { ok: false, faults: [{ wrong, remedy }] };
}

const MAX_SHOWN_CHARACTERS = 60;

/** A value as an error may show it. Never for secrets, nor for what may hold one. */
export function shown(raw: unknown): string {
  const text = JSON.stringify(raw) ?? String(raw);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}
