/**
 * What a worker gets where nobody knows the guilds: each as one that an outage hides. A list without anything behind it would make
 * libraries wait for their guilds: discord.js 15 s, JDA 75 s.
 */
import type { GuildReading, GuildSnapshot } from '../../workers/index.ts';

export class UnknownGuilds implements GuildReading {
  readonly sequence: number;
  readonly guildIds: readonly string[];
  #given = 0;

  constructor(sequence: number, guildIds: Iterable<string>) {
    this.sequence = sequence;
    this.guildIds = [...guildIds];
  }

  get count(): number {
    return this.guildIds.length;
  }

  next(): GuildSnapshot | undefined {
    const id = this.guildIds[this.#given++];
    if (id === undefined) return undefined;
    return { t: 'GUILD_DELETE', d: Buffer.from(JSON.stringify({ id, unavailable: true })) };
  }

  [Symbol.dispose](): void {
    this.#given = this.guildIds.length;
  }
}
