/** Keeps secrets and payloads out of log lines, by the names of fields: the last line of defence behind `Secret`. Pure. */

const REDACTED = '<redacted>';

/** Numbers and booleans under such a name say nothing of the secret (`tokens: 3`) and stay. */
const SECRET_FIELD = /(token|authorization|secret|password|api_?key)s?$/i;

/** Fields nested deeper are cut off: a log line is about one change of state, not a dump. */
const MAX_DEPTH = 5;

/** A copy of `fields` that is safe to log. Errors, and what says itself how it is written, are left as they are. */
export function redactFields(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      SECRET_FIELD.test(name) ? hidden(value) : redacted(value, depth),
    ]),
  );
}

function hidden(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' || value == null ? value : REDACTED;
}

function redacted(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if ('toJSON' in value) return value;
  if (depth >= MAX_DEPTH) return '<deeper>';
  return Array.isArray(value)
    ? value.map((item) => redacted(item, depth + 1))
    : redactFields(value, depth + 1);
}
