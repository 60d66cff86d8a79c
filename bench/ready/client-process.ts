/** The process of the bot, from outside. */
import { fileURLToPath } from 'node:url';
import { Child, environmentWith } from '../deployment/child.ts';
import type { ClientReport, ClientStart } from './messages.ts';

const MAIN = fileURLToPath(new URL('./client.ts', import.meta.url));

/** Many times what it takes. */
const READY_TIMEOUT_MS = 120_000;

type Report<Type> = Extract<ClientReport, { readonly type: Type }>;

export class ClientProcess {
  readonly #child: Child;
  readonly #starting: Promise<Report<'starting'>>;

  constructor(start: ClientStart, onFailure: (error: Error) => void) {
    this.#child = new Child({
      name: 'the bot',
      command: process.execPath,
      args: [MAIN],
      environment: environmentWith({}),
      input: JSON.stringify(start),
      onFailure,
    });
    this.#starting = this.#report('starting');
    this.#starting.catch(() => undefined); // Nobody may have asked yet.
  }

  /** Resolves when it logs in. */
  starting(): Promise<Report<'starting'>> {
    return this.#starting;
  }

  ready(): Promise<Report<'ready'>> {
    return this.#report('ready');
  }

  /** Its sessions are over for good. */
  async stop(): Promise<void> {
    await this.#child.end('SIGKILL');
  }

  #report<Type extends ClientReport['type']>(type: Type): Promise<Report<Type>> {
    const pick = (line: string) => (line.startsWith(`{"type":"${type}"`) ? JSON.parse(line) : undefined);
    return this.#child.line<Report<Type>>(pick, type, READY_TIMEOUT_MS);
  }
}
