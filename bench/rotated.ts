/** The order of what is compared rotates from run to run, so that none always comes first or after the same one. Pure. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
