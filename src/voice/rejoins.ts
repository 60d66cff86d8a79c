/**
 * Sessions that joined the channel in which the bot is already. Discord answers that with a VOICE_STATE_UPDATE and no
 * VOICE_SERVER_UPDATE, and a worker that was restarted would wait for one in vain. Owns the timers of those who may need it from memory.
 */
import type { Clock } from '../runtime/clock.ts';

/** How long Discord may take: if it sends one of its own, ours is not needed. */
const WAIT_MS = 500;
/** After so many waits Discord has not answered at all. */
const MAX_WAITS = 20;

export class Rejoins implements Disposable {
  readonly #clock: Clock;
  readonly #answer: (guildId: string, tag: string) => boolean;
  /** By guild: one session owns its voice. */
  readonly #timers = new Map<string, Disposable>();

  /** `answer`: true where it is done. */
  constructor(clock: Clock, answer: (guildId: string, tag: string) => boolean) {
    this.#clock = clock;
    this.#answer = answer;
  }

  watch(guildId: string, tag: string): void {
    this.#wait(guildId, tag, 1);
  }

  forget(guildId: string): void {
    this.#timers.get(guildId)?.[Symbol.dispose]();
    this.#timers.delete(guildId);
  }

  #wait(guildId: string, tag: string, wait: number): void {
    this.forget(guildId);
    const look = () => {
      this.#timers.delete(guildId);
      if (!this.#answer(guildId, tag) && wait < MAX_WAITS) this.#wait(guildId, tag, wait + 1);
    };
    this.#timers.set(guildId, this.#clock.setTimer(look, WAIT_MS));
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
