/** The seats of a shard by guild, and which of them are not written yet. No rules, no time. */
import type { VoiceSeat } from './seat.ts';

export class VoiceTable {
  readonly #seats = new Map<string, VoiceSeat>();
  /** Changed since it was last said to be written; a count, to tell a change from the next. At most one a guild. */
  readonly #unwritten = new Map<string, number>();
  #changes = 0;

  get seats(): ReadonlyMap<string, VoiceSeat> {
    return this.#seats;
  }

  /** Guilds whose voice events are for one session. */
  get owners(): number {
    let owners = 0;
    for (const { owner } of this.#seats.values()) if (owner !== undefined) owners++;
    return owners;
  }

  isNamed(tag: string): boolean {
    for (const { owner, joining } of this.#seats.values())
      if (owner === tag || joining?.before === tag) return true;
    return false;
  }

  set(guildId: string, seat: VoiceSeat | undefined): void {
    if (!seat && !this.#seats.has(guildId)) return;
    this.#put(guildId, seat);
    this.#unwritten.set(guildId, ++this.#changes);
  }

  /** With the session, all that is unwritten is over. */
  clear(): void {
    this.#seats.clear();
    this.#unwritten.clear();
  }

  /** All of it, as JSON. */
  get state(): Readonly<Record<string, VoiceSeat>> {
    return Object.fromEntries(this.#seats);
  }

  /** What was `state`, or what `read` gave, of an earlier process. */
  restore(stored: unknown): void {
    if (typeof stored !== 'object' || stored === null) return;
    for (const [guildId, seat] of Object.entries(stored as Record<string, VoiceSeat | null>))
      this.#put(guildId, seat ?? undefined);
  }

  /** What is unwritten, as it is now; see the tail's port. */
  read(): { readonly changes: Readonly<Record<string, VoiceSeat | null>>; written(): void } | undefined {
    if (this.#unwritten.size === 0) return undefined;
    const read = [...this.#unwritten];
    return {
      changes: Object.fromEntries(read.map(([guildId]) => [guildId, this.#seats.get(guildId) ?? null])),
      written: () => {
        for (const [guildId, change] of read)
          if (this.#unwritten.get(guildId) === change) this.#unwritten.delete(guildId);
      },
    };
  }

  #put(guildId: string, seat: VoiceSeat | undefined): void {
    if (seat) this.#seats.set(guildId, seat);
    else this.#seats.delete(guildId);
  }
}
