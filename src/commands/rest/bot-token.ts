/**
 * A bot token as it is now: one that came from a file is read again when the file changes, so that a token that was reset at Discord can
 * be replaced under the workers' feet. What is not a token is told of, and the one before stays.
 */
import { readFile, stat } from 'node:fs/promises';
import { type ApplicationConfig, botToken, type Secret } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import { applicationIdOf, isSnowflake } from '../../protocol/application-id.ts';
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';

/** How soon a new token is in use: looking costs a `stat`. */
const LOOK_INTERVAL_MS = 1_000;

type TokenApplication = Pick<ApplicationConfig, 'id' | 'token' | 'tokenFile'>;

export interface BotTokenOptions {
  readonly application: TokenApplication;
  readonly clock: Clock;
  readonly log: Logger;
}

export class BotToken implements Disposable {
  readonly #options: BotTokenOptions;
  readonly #listeners: ((token: string) => void)[] = [];
  #token: Secret;
  /** Of the file as it was read last: its time, size and inode. */
  #seen: string | undefined;
  #trouble: { readonly reason: string; readonly isTold: boolean } | undefined;
  #timer: Disposable | undefined;
  #isDisposed = false;

  constructor(options: BotTokenOptions) {
    this.#options = options;
    this.#token = options.application.token;
    if (options.application.tokenFile !== undefined) this.#lookLater(options.application.tokenFile);
  }

  get applicationId(): string {
    return this.#options.application.id;
  }

  reveal(): string {
    return this.#token.reveal();
  }

  /** Told of each new one. */
  onChange(listener: (token: string) => void): void {
    this.#listeners.push(listener);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
  }

  #lookLater(path: string): void {
    this.#timer = this.#options.clock.setTimer(() => {
      this.#look(path)
        .catch((error: unknown) => this.#complain(reasonOf(error)))
        .then(() => {
          if (!this.#isDisposed) this.#lookLater(path);
        });
    }, LOOK_INTERVAL_MS);
  }

  async #look(path: string): Promise<void> {
    // A mounted secret is a link to a file that is replaced as a whole: this is the file's own.
    const { mtimeMs, size, ino } = await stat(path);
    const seen = `${mtimeMs} ${size} ${ino}`;
    if (seen === this.#seen) return;
    const reading = botToken().read((await readFile(path, 'utf8')).replace(/\r?\n$/, ''));
    if (this.#isDisposed) return;
    if (!reading.ok) return this.#complain(`it ${reading.faults[0]?.wrong ?? 'holds no token'}`);
    const owner = applicationIdOf(reading.value.reveal());
    const isOurs = owner === undefined || !isSnowflake(this.applicationId) || owner === this.applicationId;
    if (!isOurs) return this.#complain('it holds the token of another application');
    this.#seen = seen;
    this.#trouble = undefined;
    if (reading.value.reveal() === this.#token.reveal()) return;
    this.#token = reading.value;
    this.#options.log.info({ application: this.applicationId }, 'the bot token was replaced from its file');
    for (const listener of this.#listeners) listener(reading.value.reveal());
  }

  /** Once for each kind of trouble, and not at first sight: a file that is just written may be empty for a moment. */
  #complain(reason: string): void {
    const known = this.#trouble?.reason === reason ? this.#trouble : undefined;
    this.#trouble = { reason, isTold: known !== undefined };
    if (known === undefined || known.isTold) return;
    this.#options.log.warn(
      { application: this.applicationId, reason },
      'the file of the bot token can not be used; the token before is kept',
    );
  }
}
