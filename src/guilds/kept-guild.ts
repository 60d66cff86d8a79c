/** A guild of the snapshot store. */
import type { Pending } from './pending.ts';
import type { GuildLayout } from './text-layout.ts';

export type GuildState =
  /** READY has named it; Discord has not sent it yet. */
  | { readonly kind: 'awaited' }
  /** Discord has said that an outage hides it. What was known is gone: a GUILD_CREATE ends the outage. */
  | { readonly kind: 'unavailable' }
  /** It was dropped for lack of room, or can't be read: unknown until Discord sends it again. */
  | { readonly kind: 'missing' }
  /** The body as GUILD_CREATE brought it, compressed, until somebody has the time to look into it. */
  | { readonly kind: 'raw'; readonly frame: Buffer; readonly textBytes: number }
  | {
      readonly kind: 'kept';
      /** The body, compressed. */
      readonly frame: Buffer;
      /** Of the body, uncompressed; `undefined` where it comes from elsewhere and nobody has looked yet. */
      readonly textBytes: number | undefined;
      /** Whether workers get the body as it is. */
      readonly isSnapshot: boolean;
      /** Of the body; `undefined` where it has none, or nothing was merged on the text yet: guilds at rest do without its memory. */
      readonly layout: GuildLayout | undefined;
    };

/** Of which there is something to tell. */
export type KnownState = Extract<GuildState, { readonly kind: 'raw' | 'kept' }>;

export interface KeptGuild {
  readonly id: string;
  /** Never changed, only replaced: readings go on with the one they saw. */
  state: GuildState;
  pending: Pending | undefined;
  /** Of the last dispatch that touched it: that one and all before are in `state` and `pending`. */
  lastSequence: number;
  /** Another number with each `state`. */
  version: number;
  /** The version whose body is stored beside the process, and the last dispatch that is in what is stored; `NEVER` where none is. */
  storedVersion: number;
  storedSequence: number;
}

/** Below all versions and sequences. */
export const NEVER = -1;

export function isKnown(state: GuildState): state is KnownState {
  return state.kind === 'raw' || state.kind === 'kept';
}

/** Memory of the body. */
export function bodyBytes(state: GuildState): number {
  if (!isKnown(state)) return 0;
  const layoutBytes = state.kind === 'kept' ? (state.layout?.byteLength ?? 0) : 0;
  return state.frame.length + layoutBytes;
}
