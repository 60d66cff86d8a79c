/**
 * What is known of the bot's voice in one guild, and whose it is: the rules. Pure; a seat is JSON, for it outlives the process.
 *
 * The voice owner is the worker session whose op 4 was handed to Discord last. Discord's answers come later and do not name their
 * question, so between the two a VOICE_STATE_UPDATE may still be of the owner before: one that leaves while another joins.
 */

export interface VoiceSeat {
  /** Tag of the session; without one, what happens goes to everybody. */
  readonly owner?: string | undefined;
  /** The owner's op 4 is not answered yet. */
  readonly joining?: Joining | undefined;
  /** Where the bot is. */
  readonly channelId?: string | undefined;
  readonly server?: VoiceServer | undefined;
}

export interface Joining {
  readonly channelId: string;
  /** Whose it was before. */
  readonly before?: string | undefined;
}

/** The newest VOICE_SERVER_UPDATE. Its token is a secret. */
export interface VoiceServer {
  /** JSON text of `d`. */
  readonly d: string;
  readonly sequence: number;
  /** It went to every session of its time. */
  readonly isForAll: boolean;
  /** Sessions that got it, each for itself. */
  readonly holders: readonly string[];
}

/** Of a worker session, as far as it matters here. */
export interface VoiceSession {
  /** `undefined` of one that began before sessions had tags. */
  readonly tag: string | undefined;
  /** What was dispatched after that, it got if it was for it. */
  readonly startSequence: number;
}

/** Sessions that are remembered to have a server: a bound; one more that asks anew gets it twice. */
const MAX_HOLDERS = 16;

/** Its op 4 with a channel was handed to Discord. */
export function afterJoin(
  seat: VoiceSeat | undefined,
  owner: string | undefined,
  channelId: string,
): VoiceSeat {
  const before = seat?.joining ? seat.joining.before : seat?.owner;
  return { ...seat, owner, joining: { channelId, before } };
}

export interface Outcome {
  /** Whom the dispatch is for; `undefined`: everybody. */
  readonly audience: string | undefined;
  /** `undefined`: there is nothing to know any more. */
  readonly seat: VoiceSeat | undefined;
}

/** The bot's own VOICE_STATE_UPDATE. */
export function afterVoiceState(seat: VoiceSeat | undefined, channelId: string | null): Outcome {
  const { owner, joining, server } = seat ?? {};
  if (channelId === null) {
    if (!joining) return { audience: owner, seat: undefined };
    // The owner has yet to arrive: it is somebody before who is gone.
    return {
      audience: joining.before ?? owner,
      seat: { owner, joining: { channelId: joining.channelId } },
    };
  }
  if (joining && joining.channelId !== channelId)
    return { audience: joining.before ?? owner, seat: { ...seat, channelId } };
  return { audience: owner, seat: { owner, channelId, server } };
}

/** VOICE_SERVER_UPDATE. Discord sends it before or after the VOICE_STATE_UPDATE that it belongs to. */
export function afterVoiceServer(
  seat: VoiceSeat | undefined,
  sequence: number,
  d: string | undefined,
): Outcome {
  const owner = seat?.owner;
  const server = d === undefined ? undefined : newServer(d, sequence, owner);
  return { audience: owner, seat: { ...seat, server } };
}

function newServer(d: string, sequence: number, owner: string | undefined): VoiceServer {
  return { d, sequence, isForAll: owner === undefined, holders: owner === undefined ? [] : [owner] };
}

/** The session of that tag will not come back. What Discord has yet to answer it is known all the same: the next may need it. */
export function withoutSession(seat: VoiceSeat, tag: string): VoiceSeat {
  const { owner, joining, channelId, server } = seat;
  const isOwner = owner === tag;
  const before = joining?.before === tag ? undefined : joining?.before;
  return {
    owner: isOwner ? undefined : owner,
    joining: joining && !isOwner ? { channelId: joining.channelId, before } : undefined,
    channelId,
    server,
  };
}

/** Whether a session has had the seat's server. */
export function hasServer({ server }: VoiceSeat, { tag, startSequence }: VoiceSession): boolean {
  if (!server) return false;
  if (tag !== undefined && server.holders.includes(tag)) return true;
  return server.isForAll && startSequence < server.sequence;
}

/** The session was given it from memory. */
export function withHolder(seat: VoiceSeat, tag: string): VoiceSeat {
  const { server } = seat;
  if (!server) return seat;
  return { ...seat, server: { ...server, holders: [...server.holders, tag].slice(-MAX_HOLDERS) } };
}
