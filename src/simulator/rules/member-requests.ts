/**
 * One full member request per guild and interval. Pure: the time is handed in.
 * https://discord.com/developers/docs/events/gateway-events#request-guild-members
 */
export class MemberRequestLimit {
  readonly #intervalMs: number;
  readonly #admittedAtMs = new Map<string, number>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Milliseconds until the guild may be asked for all its members again; 0 when it may now, which then counts. */
  admit(guildId: string, nowMs: number): number {
    const freeAtMs = (this.#admittedAtMs.get(guildId) ?? Number.NEGATIVE_INFINITY) + this.#intervalMs;
    if (nowMs < freeAtMs) return freeAtMs - nowMs;
    this.#admittedAtMs.set(guildId, nowMs);
    return 0;
  }
}
