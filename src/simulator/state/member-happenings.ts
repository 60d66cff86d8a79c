/** Members, presences and voice. */
import { BOT_USER_ID, hex, member as memberOf, sentence, type User } from '../payloads/users.ts';
import { type Entity, text } from './entities.ts';
import { type Emission, type Happening, pickFrom, type Scene, userOf } from './happenings.ts';
import { isVoice, presenceOf, voiceStateOf } from './objects.ts';

/** How often somebody is looked for who is not in the guild yet. */
const SEARCHES = 10;

export const memberHappenings: readonly Happening[] = [
  { t: 'GUILD_MEMBER_ADD', weight: 6, make: addMember },
  { t: 'GUILD_MEMBER_UPDATE', weight: 8, make: updateMember },
  { t: 'GUILD_MEMBER_REMOVE', weight: 5, make: removeMember },
  { t: 'PRESENCE_UPDATE', weight: 40, make: updatePresence },
  { t: 'VOICE_STATE_UPDATE', weight: 12, make: updateVoice },
  // Told of the bot itself whatever the intents.
  { t: 'GUILD_MEMBER_UPDATE', weight: 1, intents: 0, make: updateBot },
];

function isBot(member: Entity): boolean {
  return userOf(member).id === BOT_USER_ID;
}

function roleIds({ guild }: Scene): string[] {
  return [...guild.lists.roles.keys()].filter((id) => id !== guild.identity.id);
}

function stranger({ guild, people, random }: Scene): User | undefined {
  for (let search = 0; search < SEARCHES; search += 1) {
    const user = people.at(random.below(1_000 + 2 * guild.fullSize));
    if (!guild.lists.members.has(user.id)) return user;
  }
  return undefined;
}

function addMember(scene: Scene): Emission[] | undefined {
  if (scene.guild.lists.members.size >= scene.guild.fullSize) return undefined;
  const user = stranger(scene);
  if (!user) return undefined;
  const member = memberOf(user, [], scene.random);
  const d = { ...member, joined_at: scene.freshTime(), guild_id: scene.guild.identity.id };
  return [{ t: 'GUILD_MEMBER_ADD', d }];
}

/** An update may come without what Discord documents as optional, which then stays as it is. */
function changed(scene: Scene, member: Entity): Entity {
  const { random } = scene;
  const { deaf, mute, ...rest } = member;
  return {
    ...rest,
    ...(random.next() < 0.5 ? { deaf, mute } : {}),
    nick: random.next() < 0.7 ? sentence(random, 1) : null,
    roles: roleIds(scene).filter(() => random.next() < 0.3),
    communication_disabled_until: random.next() < 0.1 ? scene.freshTime() : null,
    guild_id: scene.guild.identity.id,
  };
}

function updateMember(scene: Scene): Emission[] | undefined {
  const member = pickFrom(scene, 'members', (each) => !isBot(each));
  return member && [{ t: 'GUILD_MEMBER_UPDATE', d: changed(scene, member) }];
}

function updateBot(scene: Scene): Emission[] | undefined {
  const member = scene.guild.lists.members.get(BOT_USER_ID);
  return member && [{ t: 'GUILD_MEMBER_UPDATE', d: changed(scene, member), intents: 0 }];
}

/** Whoever is in voice leaves it first. */
function removeMember(scene: Scene): Emission[] | undefined {
  const { guild } = scene;
  const member = pickFrom(scene, 'members', (each) => !isBot(each));
  if (!member) return undefined;
  const user = userOf(member);
  const voice = guild.lists.voice_states.get(user.id);
  const removal = { t: 'GUILD_MEMBER_REMOVE', d: { guild_id: guild.identity.id, user } };
  return voice ? [voiceLeave(scene, voice), removal] : [removal];
}

function updatePresence(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  const member = pickFrom(scene, 'members', (each) => !isBot(each));
  if (!member) return undefined;
  const { id } = userOf(member);
  const status = random.pick(['online', 'idle', 'dnd', 'offline']);
  const isOnline = guild.lists.presences.has(id);
  const presence = presenceOf(id, status === 'offline' && !isOnline ? 'online' : status, random);
  return [{ t: 'PRESENCE_UPDATE', d: { ...presence, guild_id: guild.identity.id } }];
}

/** Somebody joins, moves, leaves, or is muted. */
function updateVoice(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  const member = pickFrom(scene, 'members', (each) => !isBot(each));
  const channel = pickFrom(scene, 'channels', isVoice);
  if (!member || !channel) return undefined;
  const { id } = userOf(member);
  const voice = guild.lists.voice_states.get(id);
  if (!voice) return [voiceUpdate(scene, voiceStateOf(id, text(channel, 'id'), hex(random, 32)))];
  const draw = random.next();
  if (draw < 0.4) return [voiceLeave(scene, voice)];
  if (draw < 0.7) return [voiceUpdate(scene, { ...voice, channel_id: channel['id'] })];
  return [voiceUpdate(scene, { ...voice, self_mute: voice['self_mute'] !== true })];
}

/** The event has the guild and the member besides; GUILD_CREATE has them elsewhere. */
export function voiceUpdate({ guild }: Pick<Scene, 'guild'>, voice: Entity): Emission {
  const member = guild.lists.members.get(text(voice, 'user_id'));
  return { t: 'VOICE_STATE_UPDATE', d: { ...voice, guild_id: guild.identity.id, member } };
}

export function voiceLeave(scene: Pick<Scene, 'guild'>, voice: Entity): Emission {
  return voiceUpdate(scene, { ...voice, channel_id: null });
}
