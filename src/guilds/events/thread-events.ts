/**
 * Threads: the active ones that the bot can see, each with the bot's own membership as `member`.
 * https://discord.com/developers/docs/topics/threads
 */
import type { GuildDraft } from '../draft.ts';
import { idOf, idsOf, type JsonObject, objectOf, objectsOf, without } from '../json.ts';
import type { GuildEvents } from './event.ts';

/**
 * What the bot's membership lacks inside a thread (GUILD_CREATE leaves out both ids), and what only some events add to it.
 * https://discord.com/developers/docs/resources/channel#thread-member-object
 */
const NOT_IN_THREAD: ReadonlySet<string> = new Set(['id', 'user_id', 'guild_id', 'member', 'presence']);

/** What GUILD_CREATE leaves out of its threads, as it does of its channels; and the membership, which is taken over on its own. */
const NOT_IN_GUILD: ReadonlySet<string> = new Set(['guild_id', 'newly_created', 'member']);
const MEMBER: ReadonlySet<string> = new Set(['member']);

export const threadEvents: GuildEvents = {
  THREAD_CREATE: { kinds: ['threads'], apply: putThread },
  THREAD_UPDATE: { kinds: ['threads'], apply: putThread },
  THREAD_DELETE: {
    kinds: ['threads'],
    apply: (draft, d) => {
      const id = idOf(d['id']);
      if (id !== undefined) draft.delete('threads', id);
    },
  },
  THREAD_LIST_SYNC: { kinds: ['threads'], apply: sync },
  THREAD_MEMBER_UPDATE: { kinds: ['threads'], apply: (draft, d) => setMember(draft, d['id'], d) },
  THREAD_MEMBERS_UPDATE: { kinds: ['threads'], apply: updateMembers },
};

/** A thread that is archived is none of GUILD_CREATE's any more; one that is unarchived comes back whole. */
function putThread(draft: GuildDraft, d: JsonObject): void {
  const id = idOf(d['id']);
  if (id === undefined) return;
  if (objectOf(d['thread_metadata'])?.['archived'] === true) return draft.delete('threads', id);
  draft.merge('threads', without(d, NOT_IN_GUILD));
  setMember(draft, id, d['member']);
}

/** All threads of some channels, or of the guild, as of now. */
function sync(draft: GuildDraft, d: JsonObject): void {
  const threads = objectsOf(d['threads']);
  const channelIds = idsOf(d['channel_ids']);
  // Left out means the whole guild; anything else that is no array means nothing.
  if (threads === undefined || (channelIds === undefined && d['channel_ids'] !== undefined)) return;
  const synced = new Set<unknown>(channelIds);
  draft.deleteWhere('threads', (thread) => channelIds === undefined || synced.has(thread['parent_id']));
  for (const thread of threads) putThread(draft, thread);
  for (const member of objectsOf(d['members']) ?? []) setMember(draft, member['id'], member);
}

function updateMembers(draft: GuildDraft, d: JsonObject): void {
  const id = idOf(d['id']);
  const thread = id === undefined ? undefined : draft.find('threads', id);
  if (thread === undefined) return;
  const { ownUserId } = draft.options;
  if (idsOf(d['removed_member_ids'])?.includes(ownUserId)) draft.put('threads', without(thread, MEMBER));
  if (typeof d['member_count'] === 'number') draft.merge('threads', { id, member_count: d['member_count'] });
  const added = objectsOf(d['added_members']) ?? [];
  setMember(
    draft,
    id,
    added.findLast((member) => member['user_id'] === ownUserId),
  );
}

/** The bot's membership of a thread that is known. */
function setMember(draft: GuildDraft, threadId: unknown, value: unknown): void {
  const id = idOf(threadId);
  const member = objectOf(value);
  if (id === undefined || member === undefined || !draft.has('threads', id)) return;
  draft.merge('threads', { id, member: without(member, NOT_IN_THREAD) });
}
