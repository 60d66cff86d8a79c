/** The node's bound on the memory of all its event logs together: who allocates beyond it makes the oldest segment of any log go. */

export interface TrimmableLog {
  /** When its oldest droppable segment was opened, or `undefined` where it has none to spare. */
  oldestDroppableAtMs(): number | undefined;
  dropOldest(): void;
}

export class LogMemory {
  readonly maxBytes: number;
  usedBytes = 0;
  /** Segments that went because of this bound (and not a log's own), since the start. */
  evictedSegments = 0;
  readonly #logs = new Set<TrimmableLog>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** How many logs share it. */
  get logs(): number {
    return this.#logs.size;
  }

  add(log: TrimmableLog): void {
    this.#logs.add(log);
  }

  remove(log: TrimmableLog): void {
    this.#logs.delete(log);
  }

  /** Accounts for `bytes` more (or fewer), then drops oldest segments until the bound holds or nothing can be spared. */
  allocate(bytes: number): void {
    this.usedBytes += bytes;
    while (this.usedBytes > this.maxBytes) {
      const oldest = this.#oldest();
      if (!oldest) return;
      this.evictedSegments++;
      oldest.dropOldest();
    }
  }

  release(bytes: number): void {
    this.usedBytes -= bytes;
  }

  #oldest(): TrimmableLog | undefined {
    let found: TrimmableLog | undefined;
    let foundAtMs = Number.POSITIVE_INFINITY;
    for (const log of this.#logs) {
      const openedAtMs = log.oldestDroppableAtMs();
      if (openedAtMs !== undefined && openedAtMs < foundAtMs) {
        found = log;
        foundAtMs = openedAtMs;
      }
    }
    return found;
  }
}
