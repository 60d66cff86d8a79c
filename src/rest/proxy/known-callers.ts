/**
 * Who sent the last request of each connection. Workers send one token over and over: who repeats on a connection what was accepted on it
 * knows the token, and it need not be digested again. Runs per request.
 */
import type { Caller, CallerAuthenticator } from './ports.ts';

interface Known {
  readonly token: string;
  readonly caller: Caller;
}

export class KnownCallers {
  readonly #authenticator: CallerAuthenticator;
  #known = new WeakMap<object, Known>();

  constructor(authenticator: CallerAuthenticator) {
    this.#authenticator = authenticator;
  }

  /** A token that was good may not be any more. */
  forget(): void {
    this.#known = new WeakMap();
  }

  authenticate(connection: object, token: string): Caller | undefined {
    const known = this.#known.get(connection);
    if (known?.token === token) return known.caller;
    const caller = this.#authenticator.authenticate(token);
    if (caller) this.#known.set(connection, { token, caller });
    return caller;
  }
}
