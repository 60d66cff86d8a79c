/** Worker tokens from the configuration. Compares digests in constant time, and always all of them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Account, Authenticator } from './ports.ts';

export interface WorkerToken extends Account {
  readonly token: string;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function createAuthenticator(tokens: readonly WorkerToken[]): Authenticator {
  const known = tokens.map(({ token, ...account }) => ({ account, digest: digest(token) }));
  return {
    authenticate(token) {
      const given = digest(token);
      let account: Account | undefined;
      for (const candidate of known) {
        if (timingSafeEqual(candidate.digest, given)) account = candidate.account;
      }
      return account;
    },
  };
}
