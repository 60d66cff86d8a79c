/** JSON as Discord sends it, looked at without a model: what we do not know stays as it is. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown): JsonObject | undefined {
  // A JSON value: what is an object and neither null nor an array is a record.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** Snowflakes are strings; anything else is no id. */
export function idOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The objects of an array; `undefined` where `value` is no array. */
export function objectsOf(value: unknown): JsonObject[] | undefined {
  return Array.isArray(value) ? value.map(objectOf).filter((item) => item !== undefined) : undefined;
}

/** The ids of an array; `undefined` where `value` is no array. */
export function idsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.map(idOf).filter((item) => item !== undefined) : undefined;
}

/** Never by assignment: a key named `__proto__` is a key like any other. */
export function without(object: JsonObject, keys: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.has(key)));
}

/** Dispatches name their guild; what GUILD_CREATE lists mostly does not. */
export function withoutGuildId(object: JsonObject): JsonObject {
  const { guild_id: _, ...rest } = object;
  return rest;
}
