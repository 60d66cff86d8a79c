/**
 * Where a worker session begins: shardmux's session id says so. READY and the guilds that follow it bear numbers up to there, which are
 * those of dispatches that Discord sent before.
 */

/** In the session id's list of claims. */
const START_SEQUENCE_AT = 4;

/** @throws {Error} of an id that is none of shardmux. */
export function startSequenceOf(sessionId: string): number {
  const claims: unknown = JSON.parse(Buffer.from(sessionId.split('.')[1] ?? '', 'base64url').toString());
  const sequence: unknown = Array.isArray(claims) ? claims[START_SEQUENCE_AT] : undefined;
  if (typeof sequence !== 'number') throw new Error('a session id that does not say where it begins');
  return sequence;
}
