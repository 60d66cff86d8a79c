/**
 * The guilds of a shard as of one sequence, one by one, while dispatches keep coming. It holds on to what it needs of the store, where
 * nothing is changed in place, and lets go of it guild by guild.
 */
import type { JsonObject } from './json.ts';
import { type GuildState, isKnown, type KeptGuild, type KnownState } from './kept-guild.ts';
import { type MergeTools, mergedBody, mergedState, mergedText, textOf, textState } from './merging.ts';
import type { Pending, PendingView } from './pending.ts';
import { asSnapshot, isUnavailable } from './snapshot.ts';

export interface GuildItem {
  readonly t: 'GUILD_CREATE' | 'GUILD_DELETE';
  /** `d` as JSON text. */
  readonly d: Buffer;
}

/** A guild as it was when the reading began. */
export interface ReadGuild {
  readonly guild: KeptGuild;
  readonly state: KeptGuild['state'];
  readonly pending: Pending | undefined;
  readonly view: PendingView | undefined;
}

export interface ReadingOptions {
  readonly sequence: number;
  readonly guilds: Iterable<KeptGuild>;
  readonly tools: MergeTools;
  /** READY's `user`. */
  readonly ownUser: JsonObject | undefined;
  /** `merged` makes what the store may keep from now on, if the guild is still the one that was read. To be called at once. */
  onMerged(read: ReadGuild, merged: () => GuildState): void;
  onClosed(): void;
}

export class GuildReading implements Disposable {
  /** All that has come up to here is in what `next` gives, and nothing that came later. */
  readonly sequence: number;
  /** As READY lists them: also those that are out, and those that Discord has not sent yet. */
  readonly guildIds: readonly string[];
  /** How many items there are: one a guild, but none of those that Discord has yet to send. */
  readonly count: number;
  readonly #options: ReadingOptions;
  #left: ReadGuild[];
  #isOpen = true;

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.sequence = options.sequence;
    const guilds = [...options.guilds];
    this.guildIds = guilds.map(({ id }) => id);
    // One that is missing is as good as out: a worker would wait for it.
    this.#left = guilds.filter(({ state }) => state.kind !== 'awaited').map(readGuild);
    this.count = this.#left.length;
    // Taken from the end.
    this.#left.reverse();
  }

  /** Whether there is an item for every guild. */
  get isComplete(): boolean {
    return this.count === this.guildIds.length;
  }

  /** The next guild; after the last one, and once it was disposed of, `undefined`. Takes some tenths of a millisecond. */
  next(): GuildItem | undefined {
    const read = this.#left.pop();
    if (!read) return undefined;
    const { state } = read;
    return isKnown(state) ? this.#known(read, state) : unavailable(read.guild.id);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#left = [];
    this.#options.onClosed();
  }

  #known(read: ReadGuild, state: KnownState): GuildItem {
    const { tools } = this.#options;
    if (state.kind === 'kept' && state.isSnapshot && !read.view) {
      const text = textOf(state, tools.compressor);
      if (text) return { t: 'GUILD_CREATE', d: Buffer.from(text) };
    }
    const written = mergedText(state, read.view, tools);
    if (written) {
      const d = Buffer.from(written.text);
      this.#options.onMerged(read, () => textState(written, tools));
      return { t: 'GUILD_CREATE', d };
    }
    const body = mergedBody(state, read.view, tools);
    // What can't be read is as good as out; a worker gets as many guilds as it was told.
    if (!body || isUnavailable(body)) return unavailable(read.guild.id);
    this.#options.onMerged(read, () => mergedState(state, read.view, body, tools));
    const { ownUser } = this.#options;
    const snapshot = asSnapshot(body, { ownUserId: tools.options.ownUserId, ownUser });
    return { t: 'GUILD_CREATE', d: Buffer.from(JSON.stringify(snapshot)) };
  }
}

/** The body of one guild as of now: `out` where an outage hides it, `undefined` where it is not known or can't be read. */
export function bodyNow(
  guild: KeptGuild,
  { tools, onMerged }: Pick<ReadingOptions, 'tools' | 'onMerged'>,
): JsonObject | 'out' | undefined {
  const read = readGuild(guild);
  const { state, view } = read;
  if (!isKnown(state)) return state.kind === 'unavailable' ? 'out' : undefined;
  const body = mergedBody(state, view, tools);
  if (body === undefined) return undefined;
  if (isUnavailable(body)) return 'out';
  if (view || state.kind === 'raw') onMerged(read, () => mergedState(state, view, body, tools));
  return body;
}

export function readGuild(guild: KeptGuild): ReadGuild {
  return { guild, state: guild.state, pending: guild.pending, view: guild.pending?.view };
}

function unavailable(id: string): GuildItem {
  return { t: 'GUILD_DELETE', d: Buffer.from(JSON.stringify({ id, unavailable: true })) };
}
