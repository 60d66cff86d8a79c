/** Members, their presences and voice states. https://discord.com/developers/docs/events/gateway-events#guild-member-add */
import type { GuildDraft } from '../draft.ts';
import { idOf, type JsonObject, objectOf, objectsOf, without, withoutGuildId } from '../json.ts';
import { LISTS } from '../lists.ts';
import type { GuildEvents } from './event.ts';

const NOT_IN_VOICE_STATES: ReadonlySet<string> = new Set(['guild_id', 'member']);

export const memberEvents: GuildEvents = {
  GUILD_MEMBER_ADD: { apply: addMember },
  // One that is not known yet is added: Discord sends all of it.
  GUILD_MEMBER_UPDATE: { apply: mergeMember },
  GUILD_MEMBER_REMOVE: { apply: removeMember },
  GUILD_MEMBERS_CHUNK: {
    kinds: ['members', 'presences'],
    apply: (draft, d) => {
      for (const member of objectsOf(d['members']) ?? []) mergeMember(draft, member);
      for (const presence of objectsOf(d['presences']) ?? []) setPresence(draft, presence);
    },
  },
  PRESENCE_UPDATE: {
    kinds: ['presences'],
    apply: (draft, d) => {
      updateUser(draft, d['user']);
      setPresence(draft, d);
    },
  },
  VOICE_STATE_UPDATE: { apply: updateVoiceState },
};

function mergeMember(draft: GuildDraft, d: JsonObject): void {
  draft.merge('members', withoutGuildId(d));
}

/** Discord sends it for members at times; one that is known is not counted twice. */
function addMember(draft: GuildDraft, d: JsonObject): void {
  const id = LISTS.members.elementId(d);
  if (id === undefined) return;
  if (!draft.has('members', id)) count(draft, 1);
  mergeMember(draft, d);
}

/** Not the bot itself: a GUILD_DELETE says that it has left, and until then a guild has its member. */
function removeMember(draft: GuildDraft, d: JsonObject): void {
  const id = LISTS.members.elementId(d);
  if (id === undefined || id === draft.options.ownUserId) return;
  draft.delete('members', id);
  draft.delete('presences', id);
  draft.delete('voice_states', id);
  count(draft, -1);
}

function count(draft: GuildDraft, difference: number): void {
  const known = draft.field('member_count');
  if (typeof known === 'number') draft.assign({ member_count: Math.max(0, known + difference) });
}

/** GUILD_CREATE lists nobody who is offline. Any field may be missing, but who is new here has a status. */
function setPresence(draft: GuildDraft, d: JsonObject): void {
  const id = LISTS.presences.elementId(d);
  if (id === undefined) return;
  if (d['status'] === 'offline') draft.delete('presences', id);
  else if (typeof d['status'] === 'string' || draft.has('presences', id)) {
    draft.merge('presences', withoutGuildId(d));
  }
}

/** The user in a presence is mostly an id alone; with a name it is news of the user, told in no other way to some bots. */
function updateUser(draft: GuildDraft, value: unknown): void {
  const user = objectOf(value);
  const id = idOf(user?.['id']);
  if (id === undefined || typeof user?.['username'] !== 'string') return;
  const known = draft.find('members', id);
  if (known) draft.put('members', { ...known, user: { ...objectOf(known['user']), ...user } });
}

/**
 * Its member joins the list, as GUILD_CREATE lists everyone in voice whatever the intents; one who has left voice need not be
 * added for that. A voice state is all that there is to say: what it does not carry (`self_stream`) is over.
 */
function updateVoiceState(draft: GuildDraft, d: JsonObject): void {
  const id = LISTS.voice_states.elementId(d);
  const channelId = d['channel_id'];
  if (id === undefined || (channelId !== null && idOf(channelId) === undefined)) return;
  const member = objectOf(d['member']);
  if (member && LISTS.members.elementId(member) === id && (channelId !== null || draft.has('members', id))) {
    mergeMember(draft, member);
  }
  if (channelId === null) draft.delete('voice_states', id);
  else draft.put('voice_states', without(d, NOT_IN_VOICE_STATES));
}
