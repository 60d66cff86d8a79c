/**
 * The guilds of one shard as they are, from its dispatches alone: of each guild its body, compressed, and as bytes what has
 * happened since. `apply` is on the hot path and copies bytes; the rest is done when there is time, or when somebody reads.
 * It knows nothing of sessions, logs or stores.
 *
 * Invariant: the dispatches up to `sequence` are in a guild's body, in its pending bytes or among the arrivals, in this order.
 */
import type { Clock } from '../runtime/clock.ts';
import { type Arrival, Arrivals } from './arrivals.ts';
import type { GuildCompressor } from './compressor.ts';
import { type GuildMembers, membersNow } from './guild-members.ts';
import { GuildTable } from './guild-table.ts';
import { idOf, type JsonObject, objectOf, objectsOf } from './json.ts';
import { type GuildState, isKnown, type KeptGuild, NEVER, pendingWeight } from './kept-guild.ts';
import type { GuildOptions } from './lists.ts';
import type { Mergeable, MergeRounds } from './merge-rounds.ts';
import { type MergeTools, mergedBody, mergedState, mergedText, textState } from './merging.ts';
import { place } from './placement.ts';
import type { GuildCheckpoint, StoredGuild } from './ports.ts';
import { bodyNow, GuildReading, type ReadGuild } from './reading.ts';
import { relevanceTable } from './relevance-table.ts';
import type { SnapshotCounts } from './snapshot-counts.ts';
import { forgetStored, loadStored } from './storing.ts';
import { StoringRound } from './storing-round.ts';

export interface GuildSnapshotsOptions {
  readonly options: GuildOptions;
  readonly clock: Clock;
  /** Shared by all shards of the node, as are `rounds`. */
  readonly compressor: GuildCompressor;
  readonly rounds: MergeRounds;
  /** A guild is merged when its pending bytes take more room, in powers of two from 512; of a large one more is allowed. */
  readonly maxPendingBytesPerGuild: number;
  /** Of all guilds together; over it those with most for their size are merged, when there is time. */
  readonly maxPendingBytes: number;
  /**
   * Of everything. Over it everything pending is merged at once; if that does not do, the largest bodies are dropped: `missing`
   * guilds, which workers do not get until Discord sends them again.
   */
  readonly maxBytes: number;
}

/** Dispatches that wait to be looked at; over it `apply` looks at them itself. */
const MAX_ARRIVAL_BYTES = 8 * 1024 * 1024;

export class GuildSnapshots implements Mergeable, Disposable {
  readonly #settings: GuildSnapshotsOptions;
  readonly #tools: MergeTools;
  readonly #table = new GuildTable();
  readonly #arrivals = new Arrivals();
  /** 1 at the ids of event types that can change a guild. */
  readonly #isRelevant: Uint8Array;
  readonly #take: (arrival: Readonly<Arrival>) => void;
  #sequence = 0;
  #ownUser: JsonObject | undefined;
  readonly #done = { merges: 0, readMerges: 0, mergeMs: 0, hurriedSteps: 0, droppedGuilds: 0, unreadable: 0 };
  #openReadings = 0;

  constructor(settings: GuildSnapshotsOptions) {
    this.#settings = settings;
    const { options, compressor } = settings;
    const { writer } = compressor;
    this.#tools = { options, compressor, writer, onUnreadable: () => this.#done.unreadable++ };
    this.#isRelevant = relevanceTable(options);
    this.#take = (arrival) => place(this.#table, compressor, arrival);
  }

  /** Of the last dispatch. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether all guilds are known that READY named, or known to be out. */
  get isComplete(): boolean {
    this.#placeAll();
    return this.#table.count('awaited') === 0 && this.#table.count('missing') === 0;
  }

  get counts(): SnapshotCounts {
    const { bodyBytes, pendingBytes, size } = this.#table;
    const arrivalBytes = this.#arrivals.bytes;
    return {
      ...this.#done,
      bodyBytes,
      pendingBytes: pendingBytes + arrivalBytes,
      arrivalBytes,
      guilds: size,
      awaitedGuilds: this.#table.count('awaited'),
      missingGuilds: this.#table.count('missing'),
      openReadings: this.#openReadings,
    };
  }

  /** Begins anew with READY's `guilds` and `user`. Open readings go on with what was. */
  reset(readyGuilds: unknown, sequence: number, ownUser?: unknown): void {
    this.#table.clear();
    this.#arrivals.clear();
    this.#ownUser = objectOf(ownUser);
    this.#sequence = sequence;
    for (const guild of objectsOf(readyGuilds) ?? []) {
      const id = idOf(guild['id']);
      if (id !== undefined) this.#table.set(id, { kind: 'awaited' }, sequence);
    }
  }

  /** Takes note of one dispatch, a whole payload in `bytes` from `start` to `end`. On the hot path. */
  apply(sequence: number, typeId: number, bytes: Buffer, start = 0, end = bytes.length): void {
    this.#sequence = sequence;
    if (this.#isRelevant[typeId] !== 1) return;
    if (this.#arrivals.isEmpty) this.#settings.rounds.wake(this);
    this.#arrivals.add(sequence, typeId, bytes, start, end);
    if (this.#arrivals.bytes > MAX_ARRIVAL_BYTES) this.#hurry();
  }

  /** Notes that Discord used `sequence` for something that workers do not get. */
  skip(sequence: number): void {
    this.#sequence = sequence;
  }

  /** The guilds as of now. To be disposed of. */
  read(): GuildReading {
    this.#placeAll();
    this.#openReadings++;
    return new GuildReading({
      sequence: this.#sequence,
      guilds: this.#table.all(),
      tools: this.#tools,
      ownUser: this.#ownUser,
      onMerged: (read, merged) => this.#keepMerged(read, merged),
      onClosed: () => this.#openReadings--,
    });
  }

  /** What GUILD_CREATE has said of one guild, as of now; `out` where an outage hides it, `undefined` where it is not known. */
  body(guildId: string): JsonObject | 'out' | undefined {
    this.#placeAll();
    const guild = this.#table.find(guildId);
    return guild && bodyNow(guild, this.#readingOne);
  }

  /** The members of one guild, as of now; `undefined` where they can't be read without the rest of it. */
  members(guildId: string): GuildMembers | undefined {
    this.#placeAll();
    const guild = this.#table.find(guildId);
    return guild && membersNow(guild, this.#readingOne);
  }

  get #readingOne() {
    const onMerged = (read: ReadGuild, merged: () => GuildState) => this.#keepMerged(read, merged);
    return { tools: this.#tools, onMerged };
  }

  /** Whose guilds they are, and what of them is kept. */
  get options(): GuildOptions {
    return this.#settings.options;
  }

  /** Does what has to be done, for about so long; whether there is more. */
  mergeSome(maxMs: number): boolean {
    const endsAtMs = this.#settings.clock.now() + maxMs;
    while (!this.#arrivals.isEmpty) {
      this.#arrivals.takeBlock(this.#take);
      if (this.#settings.clock.now() >= endsAtMs) return true;
    }
    this.#keepBounds();
    for (let guild = this.#nextDue(); guild; guild = this.#nextDue()) {
      this.#merge(guild);
      if (this.#settings.clock.now() >= endsAtMs) return this.#nextDue() !== undefined;
    }
    return false;
  }

  /** What of the guilds has to be stored now, so that all of it goes up to the newest dispatch. */
  beginStoring(): StoringRound {
    this.#placeAll();
    return new StoringRound({
      table: this.#table,
      compressor: this.#settings.compressor,
      clock: this.#settings.clock,
      ownUser: this.#ownUser,
      sequence: () => {
        this.#placeAll();
        return this.#sequence;
      },
    });
  }

  /** Whatever is stored is gone, or unknown. */
  forgetStored(): void {
    for (const guild of this.#table.all()) forgetStored(guild);
  }

  /**
   * Begins anew as of a checkpoint, with all guilds awaited: what is stored of them follows by `load`, the dispatches after it by
   * `apply`; those that a guild has already are skipped.
   */
  resetTo({ sequence, guildIds, ownUser }: Pick<GuildCheckpoint, 'sequence' | 'guildIds' | 'ownUser'>): void {
    this.reset([], sequence, ownUser);
    for (const id of guildIds) this.#table.set(id, { kind: 'awaited' }, NEVER);
  }

  /** Stored guilds of the checkpoint, read when nobody else wrote any more. */
  load(stored: readonly StoredGuild[]): void {
    for (const guild of stored) loadStored(this.#table, guild, this.#tools);
  }

  /** Gives its memory back; it is not to be used after. */
  [Symbol.dispose](): void {
    this.#settings.rounds.remove(this);
    this.#table.clear();
    this.#arrivals.clear();
  }

  #hurry(): void {
    this.#done.hurriedSteps++;
    // As much as has come too much, and not all: nobody is to wait for that.
    while (this.#arrivals.bytes > MAX_ARRIVAL_BYTES) this.#arrivals.takeBlock(this.#take);
    this.#keepBounds();
  }

  #placeAll(): void {
    while (!this.#arrivals.isEmpty) this.#arrivals.takeBlock(this.#take);
  }

  #nextDue(): KeptGuild | undefined {
    const { maxPendingBytesPerGuild, maxPendingBytes } = this.#settings;
    const guild = this.#table.order.next();
    if (!guild || guild.state.kind === 'raw') return guild;
    const isOver = pendingWeight(guild) > maxPendingBytesPerGuild;
    return isOver || this.#table.pendingBytes > maxPendingBytes ? guild : undefined;
  }

  #merge(guild: KeptGuild): void {
    const { state } = guild;
    if (!isKnown(state)) return;
    const { clock } = this.#settings;
    const startedAtMs = clock.now();
    const view = guild.pending?.view;
    const written = mergedText(state, view, this.#tools);
    const body = written ? undefined : mergedBody(state, view, this.#tools);
    const merged = written ? textState(written, this.#tools) : mergedState(state, view, body, this.#tools);
    this.#table.replace(guild, merged, undefined);
    if (merged.kind === 'missing') guild.lastSequence = this.#sequence;
    this.#done.merges++;
    this.#done.mergeMs += clock.now() - startedAtMs;
  }

  /** A reading has done the work: where there was enough of it, it is not done again. */
  #keepMerged({ guild, state, pending, view }: ReadGuild, merged: () => GuildState): void {
    this.#done.readMerges++;
    if (!isKnown(state)) return;
    const isUnchanged = guild.state === state && guild.pending === pending;
    // Without a layout all of the text is looked through each time.
    const isSlow = state.kind === 'raw' || state.textBytes === undefined || !state.layout;
    const isWorthIt = isSlow || (view?.end ?? 0) * 2 > this.#settings.maxPendingBytesPerGuild;
    if (!isUnchanged || !isWorthIt || this.#table.find(guild.id) !== guild) return;
    this.#table.replace(guild, merged(), view && pending?.after(view));
  }

  #keepBounds(): void {
    const { maxBytes } = this.#settings;
    const isOver = () => this.#table.bodyBytes + this.#table.pendingBytes + this.#arrivals.bytes > maxBytes;
    while (isOver()) {
      const guild = this.#table.order.next();
      if (guild) this.#merge(guild);
      else if (!this.#dropLargest()) return;
    }
  }

  #dropLargest(): boolean {
    let largest: KeptGuild | undefined;
    let largestBytes = 0;
    for (const guild of this.#table.all()) {
      const bytes = guild.state.kind === 'kept' ? guild.state.frame.length : 0;
      if (bytes <= largestBytes) continue;
      largest = guild;
      largestBytes = bytes;
    }
    if (!largest) return false;
    this.#table.replace(largest, { kind: 'missing' }, undefined);
    largest.lastSequence = this.#sequence;
    this.#done.droppedGuilds++;
    return true;
  }
}
