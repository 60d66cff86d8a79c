/** The members of one guild as they are now, on its text: a list of thousands is neither parsed nor written anew. */
import type { JsonObject } from './json.ts';
import { isKnown, type KeptGuild, type KnownState } from './kept-guild.ts';
import { type GuildOptions, LISTS } from './lists.ts';
import { type MergeTools, mergedText, textOf, textState } from './merging.ts';
import { type ReadingOptions, readGuild } from './reading.ts';
import { TextDraft } from './text-draft.ts';
import { type GuildLayout, type ListPlace, layoutOf, listsIn } from './text-layout.ts';
import { NotByTextError } from './text-list.ts';

export class GuildMembers {
  /** How many are known. */
  readonly size: number;
  /** How many there are, by Discord. */
  readonly memberCount: unknown;
  readonly #text: Buffer;
  readonly #draft: TextDraft;
  readonly #members: ListPlace;
  readonly #presences: ListPlace | undefined;

  /** Throws `NotByTextError` where it does not work on the text. */
  constructor(text: Buffer, layout: GuildLayout, options: GuildOptions) {
    const lists = listsIn(layout);
    const members = lists.find(({ key }) => key === 'members');
    if (!members) throw new NotByTextError('there is no list of members');
    this.#members = members;
    this.#presences = lists.find(({ key }) => key === 'presences');
    this.#text = text;
    this.#draft = new TextDraft(text, layout, options);
    this.size = members.starts.length;
    this.memberCount = this.#draft.field('member_count');
  }

  /** Those from one index to another (exclusive), as JSON without the brackets. */
  text(from: number, to: number): Buffer {
    const { starts, lengths } = this.#members;
    const last = Math.min(to, this.size) - 1;
    if (last < from) return Buffer.alloc(0);
    return this.#text.subarray(starts[from], (starts[last] ?? 0) + (lengths[last] ?? 0));
  }

  find(userId: string): JsonObject | undefined {
    try {
      return this.#draft.find('members', userId);
    } catch (error) {
      if (!(error instanceof NotByTextError)) throw error;
      return this.all().findLast((member) => LISTS.members.elementId(member) === userId);
    }
  }

  /** All of them, parsed. */
  all(): readonly JsonObject[] {
    return this.#parsed(this.#members);
  }

  presences(): readonly JsonObject[] {
    return this.#presences ? this.#parsed(this.#presences) : [];
  }

  #parsed({ start, end }: ListPlace): readonly JsonObject[] {
    // A list of a guild's snapshot: its elements are objects.
    return JSON.parse(`[${this.#text.toString('utf8', start, end)}]`) as JsonObject[];
  }
}

/** `undefined` where the guild has to be parsed for it, or is not known. */
export function membersNow(
  guild: KeptGuild,
  { tools, onMerged }: Pick<ReadingOptions, 'tools' | 'onMerged'>,
): GuildMembers | undefined {
  const read = readGuild(guild);
  const { state, view } = read;
  if (!isKnown(state) || state.kind === 'raw' || !state.isSnapshot) return undefined;
  try {
    if (!view) return atRest(state, tools);
    const written = mergedText(state, view, tools);
    if (!written) return undefined;
    const members = written.layout && fromText(written.text, written.layout, tools);
    onMerged(read, () => textState(written, tools));
    return members;
  } catch (error) {
    if (error instanceof NotByTextError) return undefined;
    throw error;
  }
}

function atRest(state: Extract<KnownState, { kind: 'kept' }>, tools: MergeTools): GuildMembers | undefined {
  const text = textOf(state, tools.compressor);
  const layout = text && (state.layout ?? layoutOf(text));
  return layout && fromText(text, layout, tools);
}

/** Of a copy: the text is a view that is overwritten. */
function fromText(text: Buffer, layout: GuildLayout, { options }: MergeTools): GuildMembers {
  return new GuildMembers(Buffer.from(text), layout, options);
}
