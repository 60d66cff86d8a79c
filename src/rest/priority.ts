/**
 * Whose turn it is among priority classes: the highest that waits, but a lower one after so many others went before it, so
 * that none starves. Pure.
 */
export const PRIORITIES = ['interaction', 'normal', 'bulk'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** So many of higher classes go before one of this class that waits. */
const MOST_PASSED: Readonly<Record<Priority, number>> = { interaction: 0, normal: 8, bulk: 32 };

export class Turns {
  readonly #passed: Record<Priority, number> = { interaction: 0, normal: 0, bulk: 0 };

  /** `undefined` where none waits. */
  next(isWaiting: (priority: Priority) => boolean): Priority | undefined {
    for (const priority of ['bulk', 'normal'] as const) {
      if (this.#passed[priority] >= MOST_PASSED[priority] && isWaiting(priority)) return priority;
    }
    return PRIORITIES.find(isWaiting);
  }

  /** One of `taken` went. */
  count(taken: Priority, isWaiting: (priority: Priority) => boolean): void {
    for (const priority of ['bulk', 'normal'] as const) {
      if (priority === taken || !isWaiting(priority)) this.#passed[priority] = 0;
      else this.#passed[priority]++;
    }
  }
}
