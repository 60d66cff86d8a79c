/**
 * What a node may conclude from how its renewals went. Pure but for the times it is given, all from the node's own clock.
 *
 * Leases lapse by the store's clock, but silence has other reasons than death: the store was away, lost its data, or had its clock
 * set. Then every membership lapses at once, and whoever comes first would take everybody's shards. So what lapsed is taken only
 * when some node's renewals have gone through for as long as a lease lives: by then, whoever lives has renewed too.
 */
export interface ContactOptions {
  readonly leaseTtlMs: number;
  /** Nobody else can use the store, so there is nobody to wait for. */
  readonly isAlone: boolean;
}

export class Contact {
  readonly #options: ContactOptions;
  /** When the last renewal that went through was sent. */
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when all have gone through, or `undefined` while they do not. */
  #sinceMs: number | undefined;

  constructor(options: ContactOptions) {
    this.#options = options;
  }

  /** A renewal sent at `sentAtMs` went through. `hadLapsed`: too late, or the store had forgotten us. */
  renewed(sentAtMs: number, hadLapsed: boolean): void {
    this.#confirmedAtMs = sentAtMs;
    if (hadLapsed || this.#sinceMs === undefined) this.#sinceMs = sentAtMs;
  }

  failed(): void {
    this.#sinceMs = undefined;
  }

  /** Whether the last renewal went through. */
  get isUp(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Whether our leases are ours for certain: nobody can have taken them yet. */
  isConfirmed(nowMs: number): boolean {
    return nowMs < this.#confirmedAtMs + this.#options.leaseTtlMs || this.#options.isAlone;
  }

  /** How long the leases have been doubtful. Unit: ms. */
  doubtfulMs(nowMs: number): number {
    return this.isConfirmed(nowMs) ? 0 : nowMs - this.#confirmedAtMs - this.#options.leaseTtlMs;
  }

  /** From when on renewals have gone through for long enough; `undefined` while the store can't be reached. */
  get steadyAtMs(): number | undefined {
    if (this.#sinceMs === undefined) return undefined;
    return this.#options.isAlone ? this.#sinceMs : this.#sinceMs + this.#options.leaseTtlMs;
  }

  isSteady(nowMs: number): boolean {
    return this.steadyAtMs !== undefined && nowMs >= this.steadyAtMs;
  }
}
