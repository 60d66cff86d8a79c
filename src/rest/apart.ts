/** Pairs of routes that Discord gives one hash and yet counts apart, as far as answers have proved it. Pure. */

/** Pairs beyond this are taken to be counted together, which is safe. */
const MAX_PAIRS = 10_000;

export class Apart {
  readonly #pairs = new Set<string>();

  has(shape: string, other: string): boolean {
    return this.#pairs.size > 0 && this.#pairs.has(pairOf(shape, other));
  }

  add(shape: string, other: string): void {
    if (this.#pairs.size < MAX_PAIRS) this.#pairs.add(pairOf(shape, other));
  }

  forget(shape: string): void {
    for (const pair of this.#pairs) if (pair.split('\n').includes(shape)) this.#pairs.delete(pair);
  }

  /** Pairs of which both are among these. */
  among(shapes: ReadonlySet<string>): string[] {
    return this.all().filter((pair) => pair.split('\n').every((shape) => shapes.has(shape)));
  }

  all(): string[] {
    return [...this.#pairs];
  }

  restore(pairs: readonly string[]): void {
    for (const pair of pairs.slice(0, MAX_PAIRS)) this.#pairs.add(pair);
  }
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a}\n${b}` : `${b}\n${a}`;
}
