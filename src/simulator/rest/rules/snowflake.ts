/** Discord's ids: the upper bits are milliseconds since 2015. https://discord.com/developers/docs/reference#snowflakes */

const DISCORD_EPOCH_MS = 1_420_070_400_000;
const TIME_SHIFT = 22n;

export function isSnowflake(text: string): boolean {
  return /^\d{17,20}$/.test(text);
}

/** Milliseconds since 1970. */
export function timeOf(snowflake: string): number {
  return Number(BigInt(snowflake) >> TIME_SHIFT) + DISCORD_EPOCH_MS;
}

/** Ids of what is made through the API: they rise, also within a millisecond. */
export class Snowflakes {
  readonly #epochMs: () => number;
  #last = 0n;

  constructor(epochMs: () => number) {
    this.#epochMs = epochMs;
  }

  next(): string {
    const id = BigInt(Math.floor(this.#epochMs()) - DISCORD_EPOCH_MS) << TIME_SHIFT;
    this.#last = id > this.#last ? id : this.#last + 1n;
    return String(this.#last);
  }
}
