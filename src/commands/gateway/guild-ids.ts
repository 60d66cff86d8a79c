/** The ids of a shard's guilds, kept from READY, GUILD_CREATE and GUILD_DELETE. */
import { EventTypeId } from '../../protocol/event-types.ts';
import { scalarOfD } from '../../protocol/json-scan.ts';

export class GuildIds {
  readonly ids = new Set<string>();

  /** Begins anew with READY's `guilds`, or with ids from a checkpoint. */
  reset(guilds: unknown): void {
    this.ids.clear();
    if (!Array.isArray(guilds)) return;
    for (const guild of guilds as unknown[]) {
      const id = typeof guild === 'object' && guild !== null ? (guild as { id?: unknown }).id : guild;
      if (typeof id === 'string') this.ids.add(id);
    }
  }

  /** On the hot path: looks only into the two events that matter. */
  apply(typeId: number, bytes: Buffer, start = 0, end = bytes.length): void {
    if (typeId !== EventTypeId.GuildCreate && typeId !== EventTypeId.GuildDelete) return;
    const payload = bytes.subarray(start, end);
    const id = scalarOfD(payload, 'id')?.slice(1, -1);
    if (!id) return;
    if (typeId === EventTypeId.GuildCreate) this.ids.add(id);
    // An outage says `unavailable: true`; without it the bot was removed.
    else if (scalarOfD(payload, 'unavailable') !== 'true') this.ids.delete(id);
  }
}
