/** How long to wait before trying again. Pure. */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * The wait before attempt `failures + 1`, in ms: none before the first, then doubling up to `maxMs`, each with a
 * quarter taken off at random (`random` in [0, 1)), so that many who failed together do not come back together.
 */
export function backoffMs(failures: number, random: number, options: BackoffOptions): number {
  if (failures === 0) return 0;
  const full = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(full * (1 - random / 4));
}
