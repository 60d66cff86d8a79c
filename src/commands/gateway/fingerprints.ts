/** What nodes compare when they join, without giving it away. Pure. */
import { createHash } from 'node:crypto';
import { NOT_SET } from '../../cluster/index.ts';
import type { ApplicationConfig, GatewayConfig } from '../../config/index.ts';

/** Secrets of 32 characters or more can't be guessed from this many bytes of a digest; chance does not repeat them. */
const DIGEST_BYTES = 12;

/** By setting. Only what nodes can't do their work without agreeing on: the rest may change with a rolling deploy. */
export function fingerprintsOf(
  { cluster, workers }: GatewayConfig,
  { token }: ApplicationConfig,
): Readonly<Record<string, string>> {
  const { sessionSecret } = workers;
  return {
    ...(cluster.secret && { 'cluster.secret': digest('cluster.secret', cluster.secret.reveal()) }),
    'workers.sessionSecret': sessionSecret ? digest('session', sessionSecret.reveal()) : NOT_SET,
    // Without a secret of their own, sessions are signed with it.
    ...(!sessionSecret && { 'discord.token': digest('session', token.reveal()) }),
  };
}

function digest(purpose: string, secret: string): string {
  return createHash('sha256')
    .update(`shardmux ${purpose} ${secret}`)
    .digest()
    .subarray(0, DIGEST_BYTES)
    .toString('base64url');
}
