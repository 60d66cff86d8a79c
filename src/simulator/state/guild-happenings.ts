/** Settings, roles, emojis, stickers, sounds, scheduled events and stages. */
import { roles } from '../payloads/guild-objects.ts';
import { BOT_USER_ID, botUser, hex, sentence } from '../payloads/users.ts';
import { type Entity, text } from './entities.ts';
import { type Emission, type Happening, pickFrom, type Scene } from './happenings.ts';
import { ChannelType, emojiOf, scheduledEventOf, soundOf, stageInstanceOf, stickerOf } from './objects.ts';

/** As many as a guild gets of what it has few of. */
const MOST_EXPRESSIONS = 8;
const MOST_SCHEDULED_EVENTS = 4;
/** Roles that come and go above those it began with. */
const MORE_ROLES = 3;

export const guildHappenings: readonly Happening[] = [
  { t: 'GUILD_UPDATE', weight: 2, make: updateGuild },
  { t: 'GUILD_ROLE_CREATE', weight: 2, make: createRole },
  { t: 'GUILD_ROLE_UPDATE', weight: 2, make: updateRole },
  { t: 'GUILD_ROLE_DELETE', weight: 2, make: deleteRole },
  { t: 'GUILD_EMOJIS_UPDATE', weight: 2, make: (scene) => updateExpressions(scene, 'emojis') },
  { t: 'GUILD_STICKERS_UPDATE', weight: 1, make: (scene) => updateExpressions(scene, 'stickers') },
  { t: 'GUILD_SOUNDBOARD_SOUND_CREATE', weight: 1, make: createSound },
  { t: 'GUILD_SOUNDBOARD_SOUND_UPDATE', weight: 1, make: updateSound },
  { t: 'GUILD_SOUNDBOARD_SOUND_DELETE', weight: 1, make: deleteSound },
  { t: 'GUILD_SOUNDBOARD_SOUNDS_UPDATE', weight: 1, make: updateSounds },
  { t: 'GUILD_SCHEDULED_EVENT_CREATE', weight: 1, make: createScheduledEvent },
  { t: 'GUILD_SCHEDULED_EVENT_UPDATE', weight: 1, make: updateScheduledEvent },
  { t: 'GUILD_SCHEDULED_EVENT_DELETE', weight: 1, make: deleteScheduledEvent },
  { t: 'GUILD_SCHEDULED_EVENT_USER_ADD', weight: 1, make: (scene) => subscribe(scene, 'ADD') },
  { t: 'GUILD_SCHEDULED_EVENT_USER_REMOVE', weight: 1, make: (scene) => subscribe(scene, 'REMOVE') },
  { t: 'STAGE_INSTANCE_CREATE', weight: 1, make: createStageInstance },
  { t: 'STAGE_INSTANCE_UPDATE', weight: 1, make: updateStageInstance },
  { t: 'STAGE_INSTANCE_DELETE', weight: 1, make: deleteStageInstance },
];

function one(t: string, d: Entity): Emission[] {
  return [{ t, d }];
}

function updateGuild({ guild, random }: Scene): Emission[] {
  return one('GUILD_UPDATE', {
    ...guild.settings,
    name: sentence(random, 3),
    icon: hex(random, 32),
    description: sentence(random, 10),
    premium_subscription_count: random.below(20),
    roles: [...guild.lists.roles.values()],
    emojis: [...guild.lists.emojis.values()],
    stickers: [...guild.lists.stickers.values()],
  });
}

function createRole({ guild, size, random, freshId }: Scene): Emission[] | undefined {
  if (guild.lists.roles.size >= size.roles + MORE_ROLES) return undefined;
  const [, role] = roles(guild.identity.id, [freshId()], random);
  return one('GUILD_ROLE_CREATE', { guild_id: guild.identity.id, role });
}

function updateRole(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  const role = pickFrom(scene, 'roles');
  if (!role) return undefined;
  const changed = { ...role, hoist: random.next() < 0.5, permissions: String(random.below(1e9)) };
  const isEveryone = role['id'] === guild.identity.id;
  const named = isEveryone ? changed : { ...changed, name: sentence(random, 2), position: random.below(9) };
  return one('GUILD_ROLE_UPDATE', { guild_id: guild.identity.id, role: named });
}

/** Never one that events may always speak of. */
function deleteRole(scene: Scene): Emission[] | undefined {
  const { id, roleIds } = scene.guild.identity;
  const role = pickFrom(scene, 'roles', (each) => each['id'] !== id && !roleIds.includes(text(each, 'id')));
  return role && one('GUILD_ROLE_DELETE', { guild_id: id, role_id: role['id'] });
}

/** One more, one less, or one renamed; the event has them all. */
function updateExpressions(scene: Scene, list: 'emojis' | 'stickers'): Emission[] {
  const { guild, random } = scene;
  const all = [...guild.lists[list].values()];
  const draw = random.next();
  if (all.length === 0 || (draw < 0.4 && all.length < MOST_EXPRESSIONS)) {
    const id = scene.freshId();
    all.push(list === 'emojis' ? emojiOf(id, random) : stickerOf(id, guild.identity.id, random));
  } else if (draw < 0.7) {
    all.splice(random.below(all.length), 1);
  } else {
    const index = random.below(all.length);
    all[index] = { ...all[index], name: `renamed_${random.below(1000)}` };
  }
  const t = list === 'emojis' ? 'GUILD_EMOJIS_UPDATE' : 'GUILD_STICKERS_UPDATE';
  return one(t, { guild_id: guild.identity.id, [list]: all });
}

function createSound({ guild, random, freshId }: Scene): Emission[] | undefined {
  if (guild.lists.soundboard_sounds.size >= MOST_EXPRESSIONS) return undefined;
  return one('GUILD_SOUNDBOARD_SOUND_CREATE', soundOf(freshId(), guild.identity.id, random));
}

function changedSound(scene: Scene, sound: Entity): Entity {
  return { ...sound, name: `sound ${scene.random.below(1000)}`, volume: scene.random.below(11) / 10 };
}

function updateSound(scene: Scene): Emission[] | undefined {
  const sound = pickFrom(scene, 'soundboard_sounds');
  return sound && one('GUILD_SOUNDBOARD_SOUND_UPDATE', changedSound(scene, sound));
}

function deleteSound(scene: Scene): Emission[] | undefined {
  const sound = pickFrom(scene, 'soundboard_sounds');
  if (!sound) return undefined;
  const { id } = scene.guild.identity;
  return one('GUILD_SOUNDBOARD_SOUND_DELETE', { guild_id: id, sound_id: sound['sound_id'] });
}

function updateSounds(scene: Scene): Emission[] | undefined {
  const sounds = [...scene.guild.lists.soundboard_sounds.values()];
  if (sounds.length < 2) return undefined;
  const changed = sounds.map((sound) => changedSound(scene, sound));
  return one('GUILD_SOUNDBOARD_SOUNDS_UPDATE', {
    guild_id: scene.guild.identity.id,
    soundboard_sounds: changed,
  });
}

function createScheduledEvent({ guild, random, freshId }: Scene): Emission[] | undefined {
  if (guild.lists.guild_scheduled_events.size >= MOST_SCHEDULED_EVENTS) return undefined;
  const event = scheduledEventOf(freshId(), guild.identity.id, botUser(), random);
  return one('GUILD_SCHEDULED_EVENT_CREATE', event);
}

/** An update may come without `user_count`, which then stays as it is. */
function updateScheduledEvent(scene: Scene): Emission[] | undefined {
  const event = pickFrom(scene, 'guild_scheduled_events');
  if (!event) return undefined;
  const { user_count: _, ...rest } = event;
  const change = { name: sentence(scene.random, 3), status: scene.random.next() < 0.3 ? 2 : event['status'] };
  return one('GUILD_SCHEDULED_EVENT_UPDATE', { ...rest, ...change });
}

function deleteScheduledEvent(scene: Scene): Emission[] | undefined {
  const event = pickFrom(scene, 'guild_scheduled_events');
  return event && one('GUILD_SCHEDULED_EVENT_DELETE', event);
}

function subscribe(scene: Scene, change: 'ADD' | 'REMOVE'): Emission[] | undefined {
  const isLeaving = change === 'REMOVE';
  const passes = (each: Entity) => !isLeaving || Number(each['user_count']) > 0;
  const event = pickFrom(scene, 'guild_scheduled_events', passes);
  if (!event) return undefined;
  const member = pickFrom(scene, 'members');
  return one(`GUILD_SCHEDULED_EVENT_USER_${change}`, {
    guild_scheduled_event_id: event['id'],
    user_id: member ? text(member['user'] as Entity, 'id') : BOT_USER_ID,
    guild_id: scene.guild.identity.id,
  });
}

function createStageInstance(scene: Scene): Emission[] | undefined {
  const { guild, random, freshId } = scene;
  const used = new Set([...guild.lists.stage_instances.values()].map((stage) => stage['channel_id']));
  const isFree = (each: Entity) => each['type'] === ChannelType.Stage && !used.has(each['id']);
  const channel = pickFrom(scene, 'channels', isFree);
  if (!channel) return undefined;
  const stage = stageInstanceOf(freshId(), guild.identity.id, text(channel, 'id'), random);
  return one('STAGE_INSTANCE_CREATE', stage);
}

function updateStageInstance(scene: Scene): Emission[] | undefined {
  const stage = pickFrom(scene, 'stage_instances');
  return stage && one('STAGE_INSTANCE_UPDATE', { ...stage, topic: sentence(scene.random, 4) });
}

function deleteStageInstance(scene: Scene): Emission[] | undefined {
  const stage = pickFrom(scene, 'stage_instances');
  return stage && one('STAGE_INSTANCE_DELETE', stage);
}
