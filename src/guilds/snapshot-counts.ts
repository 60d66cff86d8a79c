/** What the snapshot store of a shard has done and holds, for metrics. */

export interface SnapshotCounts {
  /** Memory of bodies, compressed or not yet. */
  readonly bodyBytes: number;
  /** Memory of dispatches that are not in their guild's body yet. */
  readonly pendingBytes: number;
  /** Of these, the ones that nobody has looked at yet. */
  readonly arrivalBytes: number;
  readonly guilds: number;
  /** READY named them, and Discord has not sent them. */
  readonly awaitedGuilds: number;
  /** Dropped for lack of room, or unreadable. */
  readonly missingGuilds: number;
  readonly openReadings: number;
  /** Since the start. */
  readonly merges: number;
  readonly mergeMs: number;
  /** Guilds that were merged for a reading. */
  readonly readMerges: number;
  /** Work that the hot path had to do itself, because more came than could be put off. */
  readonly hurriedSteps: number;
  /** Bodies that were dropped because all of them together took more than `maxBytes`. */
  readonly droppedGuilds: number;
  /** Bodies and dispatches that are no JSON. */
  readonly unreadable: number;
}
