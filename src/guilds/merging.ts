/**
 * Makes one body out of what is kept of a guild: decompress, parse, reduce; and back. The slow part of guild state, where it can't be done
 * on the text alone.
 */
import type { GuildCompressor } from './compressor.ts';
import { type JsonObject, objectOf } from './json.ts';
import type { GuildState, KnownState } from './kept-guild.ts';
import type { GuildOptions } from './lists.ts';
import { applyOwnUser, reduceOwnUser } from './own-user.ts';
import { type PendingView, payloadsIn } from './pending.ts';
import { applyDispatch, type GuildDispatch, reduceGuildAll } from './reducer.ts';
import { asSnapshot, isUnavailable, type SnapshotOptions } from './snapshot.ts';
import { TextDraft } from './text-draft.ts';
import { layoutOf } from './text-layout.ts';
import { NotByTextError } from './text-list.ts';
import type { TextWriter, WrittenText } from './text-writer.ts';

export const OWN_USER_EVENT = 'USER_UPDATE';

/** What stands before `d` as Discord orders the keys. */
const HEADER = /^\{"t":"GUILD_CREATE","s":\d+,"op":0,"d":$/;
const BODY_KEY = Buffer.from(',"d":');
const MAX_HEADER_BYTES = 80;

/** From so much on that is pending, of a large guild, most of it is of members, and of more than are worth searching for one by one. */
const MUCH_PENDING_BYTES = 64 * 1024;

export interface MergeTools {
  readonly compressor: GuildCompressor;
  readonly writer: TextWriter;
  readonly options: GuildOptions;
  /** A payload, or a body, that is no JSON. */
  onUnreadable(): void;
}

/**
 * The guild's snapshot as of the end of `pending`, made on its text, which the next call overwrites. `undefined` where nothing is
 * pending, or all has to be parsed.
 */
export function mergedText(
  state: KnownState,
  pending: PendingView | undefined,
  tools: MergeTools,
): WrittenText | undefined {
  if (state.kind !== 'kept' || !state.isSnapshot || !pending) return undefined;
  const text = textOf(state, tools.compressor);
  const layout = text && (state.layout ?? layoutOf(text));
  if (!layout) return undefined;
  try {
    const maxSearches = pending.end >= MUCH_PENDING_BYTES ? 0 : undefined;
    const draft = new TextDraft(text, layout, tools.options, maxSearches);
    for (const dispatch of dispatchesIn(pending, tools)) {
      if (dispatch.t === OWN_USER_EVENT) applyOwnUser(draft, dispatch.d);
      else applyDispatch(draft, dispatch);
    }
    return draft.finish(tools.writer);
  } catch (error) {
    if (error instanceof NotByTextError) return undefined;
    throw error;
  }
}

/** What is kept of a text that was merged. */
export function textState({ text, layout }: WrittenText, { compressor }: MergeTools): GuildState {
  return { kind: 'kept', frame: compressor.compress(text), textBytes: text.length, isSnapshot: true, layout };
}

/** The guild as of the end of `pending`; `undefined` where the body can't be read. */
export function mergedBody(
  state: KnownState,
  pending: PendingView | undefined,
  tools: MergeTools,
): JsonObject | undefined {
  const body = bodyOf(state, tools);
  if (body === undefined) tools.onUnreadable();
  return body && pending ? reduced(body, dispatchesIn(pending, tools), tools.options) : body;
}

function bodyOf(state: KnownState, { compressor, options }: MergeTools): JsonObject | undefined {
  const body = parsed(textOf(state, compressor)?.toString());
  const isAsReduced = state.kind === 'kept' && state.textBytes !== undefined;
  if (body === undefined || isAsReduced) return body;
  // As it came; or stored so, or by a process that left out less: of a body that is neither this makes the same again.
  return reduceGuildAll(undefined, [{ t: 'GUILD_CREATE', d: body }], options);
}

/** What is in the frame, as a view that the next use of the compressor overwrites; `undefined` where it can't be read. */
export function textOf({ frame, textBytes }: KnownState, compressor: GuildCompressor): Buffer | undefined {
  try {
    return textBytes === undefined
      ? compressor.decompressForeign(frame)
      : compressor.decompress(frame, textBytes);
  } catch {
    return undefined;
  }
}

function* dispatchesIn(pending: PendingView, tools: MergeTools): Generator<GuildDispatch> {
  for (const payload of payloadsIn(pending)) {
    const dispatch = dispatchOf(payload);
    if (dispatch) yield dispatch;
    else tools.onUnreadable();
  }
}

function dispatchOf(payload: string): GuildDispatch | undefined {
  const dispatch = parsed(payload);
  const t = dispatch?.['t'];
  return typeof t === 'string' ? { t, d: dispatch?.['d'] } : undefined;
}

function parsed(text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** News of the bot's user have no guild, so that the reducer does not know them; they stand between the others in order. */
function reduced(body: JsonObject, dispatches: Iterable<GuildDispatch>, options: GuildOptions): JsonObject {
  let guild = body;
  let run: GuildDispatch[] = [];
  const finishRun = () => {
    guild = reduceGuildAll(guild, run, options) ?? guild;
    run = [];
  };
  for (const dispatch of dispatches) {
    if (dispatch.t !== OWN_USER_EVENT) run.push(dispatch);
    else {
      finishRun();
      guild = reduceOwnUser(guild, dispatch.d, options);
    }
  }
  finishRun();
  return guild;
}

/** A GUILD_CREATE that has come. Of what is no JSON that is seen later. */
export function rawState(payload: Buffer, compressor: GuildCompressor): GuildState {
  const bodyAt = payload.indexOf(BODY_KEY) + BODY_KEY.length;
  const hasKnownOrder = bodyAt < MAX_HEADER_BYTES && HEADER.test(payload.toString('latin1', 0, bodyAt));
  const body = hasKnownOrder
    ? payload.subarray(bodyAt, -1)
    : Buffer.from(JSON.stringify(dispatchOf(payload.toString())?.d ?? null));
  return { kind: 'raw', frame: compressor.compress(body), textBytes: body.length };
}

/** After a merge. A body that is as it came is not compressed again. */
export function mergedState(
  state: KnownState,
  pending: PendingView | undefined,
  body: JsonObject | undefined,
  tools: MergeTools,
): GuildState {
  const { ownUserId, off } = tools.options;
  const isUntouched = !pending && off.size === 0 && state.textBytes !== undefined;
  if (!isUntouched || !body || !isSnapshot(body, { ownUserId })) return stateOf(body, tools);
  const { frame, textBytes } = state;
  return { kind: 'kept', frame, textBytes, isSnapshot: true, layout: undefined };
}

/** What is kept of a body. A guild that was joined is told from none by `unavailable: false`, as after READY. */
function stateOf(body: JsonObject | undefined, tools: MergeTools): GuildState {
  if (body === undefined) return { kind: 'missing' };
  if (isUnavailable(body)) return { kind: 'unavailable' };
  const { ownUserId } = tools.options;
  const joined = 'unavailable' in body ? body : { ...body, unavailable: false };
  // All that a snapshot mostly lacks. What else is added to it is not known, and so is not kept.
  const counted = { ...joined, member_count: asSnapshot(joined, { ownUserId })['member_count'] };
  const isWhole = isSnapshot(counted, { ownUserId });
  const text = tools.writer.encode(JSON.stringify(isWhole ? counted : joined));
  return {
    kind: 'kept',
    frame: tools.compressor.compress(text),
    textBytes: text.length,
    layout: undefined,
    isSnapshot: isWhole,
  };
}

/** Whether `asSnapshot` has nothing to add. */
function isSnapshot(guild: JsonObject, options: SnapshotOptions): boolean {
  if (isUnavailable(guild)) return false;
  const snapshot = asSnapshot(guild, options);
  const members = guild['members'];
  return Object.entries(snapshot).every(([key, value]) => {
    if (key !== 'members' || !Array.isArray(value)) return value === guild[key];
    return (
      Array.isArray(members) &&
      value.length === members.length &&
      value.every((member, at) => member === members[at])
    );
  });
}
