/** How an event changes a guild. */
import type { GuildDraft } from '../draft.ts';
import type { JsonObject } from '../json.ts';
import type { GuildKind, GuildOptions } from '../lists.ts';

export interface GuildEvent {
  /** It matters where one of these is kept; without this, always. */
  readonly kinds?: readonly GuildKind[];
  /** It matters under these options only. */
  isWanted?(options: GuildOptions): boolean;
  /** Checks what it needs of `d` before it changes anything; never throws. */
  apply(draft: GuildDraft, d: JsonObject): void;
}

export type GuildEvents = Readonly<Record<string, GuildEvent>>;
