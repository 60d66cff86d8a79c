/**
 * Time as a port: whoever waits or compares times takes a `Clock`, so that tests can move time by hand
 * (`test/support/manual-clock.ts`). No domain words here.
 */
export interface Clock {
  /**
   * Milliseconds since the Unix epoch that never go backwards: the wall clock as it was when the process
   * started, plus what has passed since. Setting the machine's clock does not change it.
   */
  now(): number;

  /** Calls `run` once, `delayMs` from now, unless disposed of first. Whoever sets a timer disposes of it. */
  setTimer(run: () => void, delayMs: number): Disposable;
}

/** Read once, as it costs as much as the time itself. */
const { timeOrigin } = performance;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  setTimer: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
