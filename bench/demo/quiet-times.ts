/** The times in which no restart was in progress. Pure: it is told the times, all of one clock. */
export class QuietTimes {
  readonly #spans: { readonly from: number; until: number }[] = [];

  begin(at: number): void {
    this.#spans.push({ from: at, until: Number.POSITIVE_INFINITY });
  }

  end(at: number): void {
    const last = this.#spans.at(-1);
    if (last) last.until = Math.min(last.until, at);
  }

  includes(at: number): boolean {
    const span = this.#spans.findLast(({ from }) => from <= at);
    return span !== undefined && at <= span.until;
  }
}
