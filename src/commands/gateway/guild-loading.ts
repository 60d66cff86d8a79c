/**
 * The guilds of a shard that another process has held: read from where they are stored, and brought to the end of the shard's log,
 * in slices, while everything else goes on.
 */
import { StoreUnreachableError } from '../../cluster/index.ts';
import type { GuildCheckpoint, GuildSnapshots, StoredGuilds } from '../../guilds/index.ts';
import { type Cursor, EVERYTHING, type EventLog, readRecords } from '../../log/index.ts';
import { abortable } from '../../runtime/abortable.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Limiter } from '../../runtime/limiter.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { sleep } from '../../runtime/sleep.ts';
import { yieldToEvents } from '../../runtime/yield-to-events.ts';

export interface GuildLoadingOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly loads: Limiter;
  /** Of the upstream session. */
  readonly epoch: string;
  /** As of READY, where it is known: enough, where the log has everything since. */
  readonly beginning: GuildCheckpoint | undefined;
  readonly source: () => Promise<StoredGuilds | undefined>;
  readonly create: (missing: readonly string[]) => GuildSnapshots;
  /** The store does not answer; it is asked again. */
  readonly onUnreachable: (reason: string) => void;
  /** They are as of the log's head; called in the very turn in which they are. */
  readonly onLoaded: (loaded: LoadedGuilds) => void;
  /** Nothing is done before. */
  readonly start: Promise<void>;
  readonly signal: AbortSignal;
}

export interface LoadedGuilds {
  readonly snapshots: GuildSnapshots;
  readonly checkpoint: GuildCheckpoint;
  /** Nothing of it is stored: the log had everything. */
  readonly isFromLog: boolean;
}

interface Found extends LoadedGuilds {
  /** Of the dispatches that are in some guild. */
  readonly newestSequence: number;
}

/** The guilds can't be known. The message says why. */
export class GuildsUnknown extends Error {
  override name = 'GuildsUnknown';
}

/** Of a log, so much is gone through at a time: about 2 ms of the event loop. */
const SLICE_BYTES = 256 * 1024;

/** For placing what a slice has brought. */
const PLACING_MS = 1;

/** Before a store is asked again that did not answer. */
const RETRY_MS = 250;

/** Where Discord has yet to send again what is in a guild already. */
const REPLAY_WAIT_MS = 50;

/** Rejects with `GuildsUnknown`, and with the signal's reason. */
export async function loadGuilds(options: GuildLoadingOptions): Promise<void> {
  await abortable(options.start, options.signal);
  const found = (await options.loads.run(() => readStored(options))) ?? fromLog(options);
  try {
    await catchUp(found, options);
  } catch (error) {
    found.snapshots[Symbol.dispose]();
    throw error;
  }
}

/** `undefined` where nothing is stored that is of use, and the log has it all. */
async function readStored(options: GuildLoadingOptions): Promise<Found | undefined> {
  const { source, clock, onUnreachable, signal } = options;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      const stored = await source();
      const problem = problemOf(stored?.checkpoint, options);
      if (!problem && stored) return await read(stored, options);
      if (canBeginAtReady(options)) return undefined;
      throw new GuildsUnknown(problem);
    } catch (error) {
      if (error instanceof GuildsUnknown || signal.aborted) throw error;
      if (!(error instanceof StoreUnreachableError)) {
        if (canBeginAtReady(options)) return undefined;
        throw new GuildsUnknown(reasonOf(error));
      }
      if (attempt === 1) onUnreachable(reasonOf(error));
      await sleep(clock, RETRY_MS, signal);
    }
  }
}

/** Why it is of no use. */
function problemOf(
  checkpoint: GuildCheckpoint | undefined,
  { epoch, log }: GuildLoadingOptions,
): string | undefined {
  if (!checkpoint) return 'nothing is stored of them';
  if (checkpoint.epoch !== epoch) return 'what is stored of them is of another upstream session';
  const { sequence } = checkpoint;
  if (sequence < log.floor) return 'what is stored of them is older than the tail';
  if (sequence > log.head) return 'what is stored of them is newer than the tail';
  return undefined;
}

function canBeginAtReady({ beginning, log }: GuildLoadingOptions): boolean {
  return beginning !== undefined && beginning.sequence >= log.floor && beginning.sequence <= log.head;
}

function fromLog({ beginning, create }: GuildLoadingOptions): Found {
  if (!beginning) throw new GuildsUnknown('nothing is stored of them');
  const snapshots = create([]);
  snapshots.resetTo(beginning);
  return { snapshots, checkpoint: beginning, isFromLog: true, newestSequence: beginning.sequence };
}

async function read({ checkpoint, guilds }: StoredGuilds, options: GuildLoadingOptions): Promise<Found> {
  const { create, signal } = options;
  const snapshots = create(checkpoint.off ?? []);
  try {
    snapshots.resetTo(checkpoint);
    let newestSequence = checkpoint.sequence;
    for await (const batch of guilds) {
      signal.throwIfAborted();
      snapshots.load(batch);
      for (const { sequence } of batch) newestSequence = Math.max(newestSequence, sequence);
      await yieldToEvents();
    }
    return { snapshots, checkpoint, newestSequence, isFromLog: false };
  } catch (error) {
    snapshots[Symbol.dispose]();
    throw error;
  }
}

async function catchUp(found: Found, { log, clock, onLoaded, signal }: GuildLoadingOptions): Promise<void> {
  const { snapshots, newestSequence } = found;
  // What is for one worker alone changes guilds as well.
  const cursor = log.cursorAfter(snapshots.sequence, EVERYTHING);
  if (!cursor) throw leftBehind();
  for (;;) {
    signal.throwIfAborted();
    if (applySlice(cursor, snapshots)) await yieldToEvents();
    // What is stored is never ahead of the tail, but a store may lose its newest writes: Discord sends those dispatches again.
    else if (log.head < newestSequence) await sleep(clock, REPLAY_WAIT_MS, signal);
    else break;
  }
  snapshots.skip(log.head);
  onLoaded(found);
}

/** Whether there was something. */
function applySlice(cursor: Cursor, snapshots: GuildSnapshots): boolean {
  if (cursor.isLost) throw leftBehind();
  const frames = cursor.read(SLICE_BYTES);
  if (!frames) return false;
  readRecords(frames, ({ sequence, typeId }, payload) => snapshots.apply(sequence, typeId, payload));
  snapshots.mergeSome(PLACING_MS);
  return true;
}

function leftBehind(): GuildsUnknown {
  return new GuildsUnknown('the log no longer has what has happened since they were stored');
}
