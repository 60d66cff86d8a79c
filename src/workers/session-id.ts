/**
 * The session id that workers get: self-describing and signed, so that any owner of the shard can check it without a
 * store. Pure.
 */
import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

export interface WorkerSessionClaims {
  readonly applicationId: string;
  readonly shardId: number;
  readonly shardCount: number;
  /** Names the upstream session (`upstreamEpoch`). */
  readonly epoch: string;
  /** Head of the log when the session began. A RESUME from before it lacks part of what READY stood for. */
  readonly startSequence: number;
  readonly intents: number;
  readonly account: string;
  /** Names the session where something is for it alone. Ids from before there were tags have none. */
  readonly tag?: string | undefined;
}

/**
 * Fields may be added at the end: versions that do not know them pass over them. So nodes of both versions take each other's
 * sessions while a new one is rolled out.
 */
const VERSION = 'sm1';
const MAC_BYTES = 16;
const KEY_BYTES = 32;
const EPOCH_BYTES = 9;
const TAG_BYTES = 9;

/** A signing key made from a secret, which may be the bot token: the key does not give it away. */
export function sessionKey(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'shardmux worker sessions', KEY_BYTES));
}

/** A short name of an upstream session that does not give away Discord's session id. */
export function upstreamEpoch(upstreamSessionId: string): string {
  return createHash('sha256')
    .update(upstreamSessionId)
    .digest()
    .subarray(0, EPOCH_BYTES)
    .toString('base64url');
}

export function newSessionTag(): string {
  return randomBytes(TAG_BYTES).toString('base64url');
}

function mac(body: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES);
}

export function signSessionId(claims: WorkerSessionClaims, key: Buffer): string {
  const fields = [
    claims.applicationId,
    claims.shardId,
    claims.shardCount,
    claims.epoch,
    claims.startSequence,
    claims.intents,
    claims.account,
    claims.tag,
  ];
  const body = `${VERSION}.${Buffer.from(JSON.stringify(fields)).toString('base64url')}`;
  return `${body}.${mac(body, key).toString('base64url')}`;
}

/** The claims of a session id that we signed, or `undefined` of anything else. */
export function verifySessionId(sessionId: string, key: Buffer): WorkerSessionClaims | undefined {
  const end = sessionId.lastIndexOf('.');
  const body = sessionId.slice(0, end);
  const given = Buffer.from(sessionId.slice(end + 1), 'base64url');
  const expected = mac(body, key);
  if (end < 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  if (!body.startsWith(`${VERSION}.`)) return undefined;
  // What carries our MAC has our shape.
  const fields = JSON.parse(Buffer.from(body.slice(VERSION.length + 1), 'base64url').toString('utf8')) as [
    string,
    number,
    number,
    string,
    number,
    number,
    string,
    (string | null)?,
  ];
  const [applicationId, shardId, shardCount, epoch, startSequence, intents, account, tag] = fields;
  return {
    applicationId,
    shardId,
    shardCount,
    epoch,
    startSequence,
    intents,
    account,
    tag: tag ?? undefined,
  };
}
