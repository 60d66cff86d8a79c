/** What people say and do in channels, which changes nothing that GUILD_CREATE carries. Members and channels are those that exist. */
import { PERMISSIONS } from '../payloads/guild-objects.ts';
import { lookalike, sentence } from '../payloads/users.ts';
import type { Entity } from './entities.ts';
import { type Emission, type Happening, pickFrom, type Scene, userOf } from './happenings.ts';
import { ChannelType } from './objects.ts';

export const talkHappenings: readonly Happening[] = [
  { t: 'MESSAGE_CREATE', weight: 40, make: (scene) => say(scene, 'MESSAGE_CREATE') },
  { t: 'MESSAGE_UPDATE', weight: 6, make: (scene) => say(scene, 'MESSAGE_UPDATE') },
  { t: 'MESSAGE_DELETE', weight: 3, make: unsay },
  { t: 'MESSAGE_REACTION_ADD', weight: 10, make: react },
  { t: 'TYPING_START', weight: 12, make: type },
  { t: 'INTERACTION_CREATE', weight: 5, make: interact },
];

/** Who does it, and where. */
function place(scene: Scene): { member: Entity; channel: Entity; where: Entity } | undefined {
  const member = pickFrom(scene, 'members');
  const channel = pickFrom(scene, 'channels', (each) => each['type'] === ChannelType.Text);
  if (!member || !channel) return undefined;
  return { member, channel, where: { channel_id: channel['id'], guild_id: scene.guild.identity.id } };
}

function say(scene: Scene, t: 'MESSAGE_CREATE' | 'MESSAGE_UPDATE'): Emission[] | undefined {
  const at = place(scene);
  if (!at) return undefined;
  const { user: author, ...member } = at.member;
  const d = {
    ...at.where,
    id: scene.freshId(),
    type: 0,
    channel_type: 0,
    content: sentence(scene.random, 1 + scene.random.below(scene.random.next() < 0.08 ? 200 : 15)),
    author,
    member,
    timestamp: scene.freshTime(),
    edited_timestamp: t === 'MESSAGE_UPDATE' ? scene.freshTime() : null,
    tts: false,
    pinned: false,
    flags: 0,
    mention_everyone: false,
    mentions: [],
    mention_roles: [],
    embeds: [],
    attachments: [],
    components: [],
  };
  return [{ t, d }];
}

function unsay(scene: Scene): Emission[] | undefined {
  const at = place(scene);
  return at && [{ t: 'MESSAGE_DELETE', d: { ...at.where, id: scene.freshId() } }];
}

function react(scene: Scene): Emission[] | undefined {
  const at = place(scene);
  if (!at) return undefined;
  const { id } = userOf(at.member);
  const d = {
    ...at.where,
    user_id: id,
    type: 0,
    message_id: scene.freshId(),
    message_author_id: id,
    member: at.member,
    emoji: { name: scene.random.pick(['👍', '❤️', '🎉']), id: null },
    burst: false,
  };
  return [{ t: 'MESSAGE_REACTION_ADD', d }];
}

function type(scene: Scene): Emission[] | undefined {
  const at = place(scene);
  if (!at) return undefined;
  const d = { ...at.where, user_id: userOf(at.member).id, timestamp: 1_785_000_000, member: at.member };
  return [{ t: 'TYPING_START', d }];
}

/** A slash command. */
function interact(scene: Scene): Emission[] | undefined {
  const at = place(scene);
  if (!at) return undefined;
  const guildId = scene.guild.identity.id;
  const d = {
    ...at.where,
    id: scene.freshId(),
    application_id: '100000000000000000',
    type: 2,
    version: 1,
    token: 'interaction',
    member: { ...at.member, permissions: PERMISSIONS },
    locale: 'de',
    guild_locale: 'en-US',
    guild: { id: guildId, locale: 'en-US', features: [] },
    channel: { ...at.channel, guild_id: guildId, permissions: PERMISSIONS },
    data: {
      id: scene.freshId(),
      guild_id: guildId,
      name: 'play',
      type: 1,
      options: [{ name: 'text', type: 3, value: sentence(scene.random, 8) }],
      origin: lookalike(scene.random),
    },
    entitlements: [],
    context: 0,
    authorizing_integration_owners: { '0': guildId },
    attachment_size_limit: 10_485_760,
    app_permissions: PERMISSIONS,
  };
  return [{ t: 'INTERACTION_CREATE', d }];
}
