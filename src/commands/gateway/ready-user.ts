/** The bot's user in READY. Discord says it when a session begins; what becomes of it comes as USER_UPDATE. Pure. */
type Json = Readonly<Record<string, unknown>>;

/** READY as it is after a USER_UPDATE, a whole payload. */
export function withUserUpdate(ready: Json, payload: Buffer): Json {
  const known = objectOf(ready['user']);
  const user = objectOf(objectOf(parsed(payload))?.['d']);
  if (!known || !user || user['id'] !== known['id']) return ready;
  return { ...ready, user: { ...known, ...user } };
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Json | undefined {
  // JSON: what is an object and not null has keys.
  return typeof value === 'object' && value !== null ? (value as Json) : undefined;
}
