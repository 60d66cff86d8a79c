/**
 * One full member request per guild and interval. Pure: the time is handed in.
 * https://discord.com/developers/docs/events/gateway-events#request-guild-members
 */
export class MemberRequestLimit {
  readonly #intervalMs: number;
  readonly #admittedAtMs = new Map<string, number>();

  /** Guilds that are limited through no fault of the client's, and until when. */
  readonly #limitedUntilMs = new Map<string, number>();
  readonly #excused = new Set<string>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Milliseconds until the guild may be asked for all its members again; 0 when it may now, which then counts. */
  admit(guildId: string, nowMs: number): number {
    const ownMs = (this.#admittedAtMs.get(guildId) ?? Number.NEGATIVE_INFINITY) + this.#intervalMs;
    const freeAtMs = Math.max(ownMs, this.#limitedUntilMs.get(guildId) ?? Number.NEGATIVE_INFINITY);
    if (nowMs < freeAtMs) return freeAtMs - nowMs;
    this.#limitedUntilMs.delete(guildId);
    this.#excused.delete(guildId);
    this.#admittedAtMs.set(guildId, nowMs);
    return 0;
  }

  /** From now until `untilMs` the guild is limited as if somebody else had asked. */
  limit(guildId: string, untilMs: number): void {
    this.#limitedUntilMs.set(guildId, untilMs);
    this.#excused.add(guildId);
  }

  /** Whether a request that came too soon was no fault: the first one after `limit`. */
  excuse(guildId: string): boolean {
    return this.#excused.delete(guildId);
  }
}
