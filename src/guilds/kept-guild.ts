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

/**
 * From this size of its body on a guild may have more pending, about in proportion: merging takes as long as the body is large, 90 ms for
 * 20,000 members, and is not to be done for a few dispatches.
 */
const LARGE_BODY_BYTES = 64 * 1024;

/** Pending bytes, weighed against the body that they are to be merged into. In powers of two, as `Pending` takes its memory. */
export function pendingWeight({ state, pending }: KeptGuild): number {
  const bytes = pending?.sizeBytes ?? 0;
  const times = isKnown(state) ? Math.floor(state.frame.length / LARGE_BODY_BYTES) : 0;
  return times < 2 ? bytes : bytes / 2 ** Math.floor(Math.log2(times));
}

/** Memory of the body. */
export function bodyBytes(state: GuildState): number {
  if (!isKnown(state)) return 0;
  const layoutBytes = state.kind === 'kept' ? (state.layout?.byteLength ?? 0) : 0;
  return state.frame.length + layoutBytes;
}
