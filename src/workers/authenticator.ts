/** Worker tokens from the configuration. Compares digests in constant time, and always all of them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticator } from './ports.ts';

export interface WorkerToken {
  readonly name: string;
  readonly token: string;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function createAuthenticator(tokens: readonly WorkerToken[]): Authenticator {
  const known = tokens.map(({ name, token }) => ({ name, digest: digest(token) }));
  return {
    authenticate(token) {
      const given = digest(token);
      let account: string | undefined;
      for (const candidate of known) {
        if (timingSafeEqual(candidate.digest, given)) account = candidate.name;
      }
      return account;
    },
  };
}
