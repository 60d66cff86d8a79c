/** Lets sockets and timers have their turn in the midst of long work. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
