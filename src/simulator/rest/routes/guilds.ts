/** https://discord.com/developers/docs/resources/guild, with members, roles, bans, emojis and the audit log */
import { z } from 'zod';
import { botUser } from '../../payloads/users.ts';
import { children, type Entity } from '../../state/entities.ts';
import { type Answer, ErrorCode, error, invalidForm, NO_CONTENT, ok, UNKNOWN } from '../answers.ts';
import { readForm } from '../form.ts';
import { param, type RestCall, type Route } from '../route.ts';
import type { World } from '../state/world.ts';

const GUILD = '/guilds/:guild';
const MEMBER = `${GUILD}/members/:user`;
const ROLE = `${MEMBER}/roles/:role`;
const BAN = `${GUILD}/bans/:user`;
const EMOJIS = `${GUILD}/emojis`;

const MAX_MEMBERS = 1_000;
const MAX_EMOJI = 50;

/** Of an upload as `data:image/png;base64,…`. https://discord.com/developers/docs/resources/emoji */
const MAX_EMOJI_CHARACTERS = 350_000;

const anything = z.looseObject({});
const channelSchema = z.looseObject({ name: z.string().min(1).max(100), type: z.int().optional() });
const emojiSchema = z.looseObject({
  name: z.string().regex(/^\w{2,32}$/),
  image: z.string().max(MAX_EMOJI_CHARACTERS).startsWith('data:image/'),
});

const emojiSubLimit: Route['subLimit'] = (call) => ({ name: 'emoji', of: param(call, 'guild') });

export const guildRoutes: readonly Route[] = [
  {
    method: 'GET',
    template: GUILD,
    access: 'bot',
    bucket: 'read-guild',
    act: inGuild((_, __, guild) => ok(guild)),
  },
  { method: 'PATCH', template: GUILD, access: 'bot', bucket: 'read-guild', act: inGuild(change) },
  {
    method: 'GET',
    template: `${GUILD}/channels`,
    access: 'bot',
    bucket: 'read-guild-channels',
    act: channels,
  },
  {
    method: 'POST',
    template: `${GUILD}/channels`,
    access: 'bot',
    bucket: 'read-guild-channels',
    act: inGuild(createChannel),
  },
  {
    method: 'GET',
    template: `${GUILD}/roles`,
    access: 'bot',
    bucket: 'read-guild',
    act: inGuild((_, __, guild) => ok(guild['roles'])),
  },
  { method: 'GET', template: `${GUILD}/members`, access: 'bot', bucket: 'list-members', act: members },
  {
    method: 'GET',
    template: MEMBER,
    access: 'bot',
    bucket: 'members',
    act: onMember((_, __, member) => ok(member)),
  },
  { method: 'PATCH', template: MEMBER, access: 'bot', bucket: 'change-member', act: onMember(changeMember) },
  {
    method: 'DELETE',
    template: MEMBER,
    access: 'bot',
    bucket: 'change-member',
    act: onMember(() => NO_CONTENT),
  },
  { method: 'PUT', template: ROLE, access: 'bot', bucket: 'member-roles', act: onMember(() => NO_CONTENT) },
  {
    method: 'DELETE',
    template: ROLE,
    access: 'bot',
    bucket: 'member-roles',
    act: onMember(() => NO_CONTENT),
  },
  { method: 'PUT', template: BAN, access: 'bot', bucket: 'bans', act: inGuild(() => NO_CONTENT) },
  { method: 'DELETE', template: BAN, access: 'bot', bucket: 'bans', act: inGuild(() => NO_CONTENT) },
  {
    method: 'GET',
    template: `${GUILD}/audit-logs`,
    access: 'bot',
    bucket: 'audit-log',
    act: inGuild(auditLog),
  },
  {
    method: 'GET',
    template: EMOJIS,
    access: 'bot',
    bucket: 'emoji',
    act: inGuild((_, __, guild) => ok(guild['emojis'])),
  },
  {
    method: 'POST',
    template: EMOJIS,
    access: 'bot',
    bucket: 'emoji',
    subLimit: emojiSubLimit,
    act: inGuild(createEmoji),
  },
  {
    method: 'PATCH',
    template: `${EMOJIS}/:emoji`,
    access: 'bot',
    bucket: 'emoji',
    subLimit: emojiSubLimit,
    act: inGuild(changeEmoji),
  },
  {
    method: 'DELETE',
    template: `${EMOJIS}/:emoji`,
    access: 'bot',
    bucket: 'emoji',
    subLimit: emojiSubLimit,
    act: inGuild(deleteEmoji),
  },
];

function inGuild(act: (world: World, call: RestCall, guild: Entity) => Answer): Route['act'] {
  return (world, call) => {
    const guild = world.places.settings(param(call, 'guild'));
    return guild ? act(world, call, guild) : UNKNOWN.guild;
  };
}

function onMember(act: (world: World, call: RestCall, member: Entity) => Answer): Route['act'] {
  return inGuild((world, call) => {
    const member = world.places.member(param(call, 'guild'), param(call, 'user'));
    return member ? act(world, call, member) : UNKNOWN.member;
  });
}

function change(world: World, call: RestCall, guild: Entity): Answer {
  const read = readForm(call, anything);
  if (!read.ok) return read.answer;
  const id = param(call, 'guild');
  world.places.changeGuild(id, { ...read.form, id });
  return ok({ ...guild, ...read.form, id });
}

function channels(world: World, call: RestCall): Answer {
  const found = world.places.channels(param(call, 'guild'));
  return found ? ok(found) : UNKNOWN.guild;
}

function createChannel(world: World, call: RestCall): Answer {
  const read = readForm(call, channelSchema);
  if (!read.ok) return read.answer;
  const [id, guildId] = [world.snowflakes.next(), param(call, 'guild')];
  const defaults = {
    type: 0,
    position: 0,
    permission_overwrites: [],
    topic: null,
    nsfw: false,
    parent_id: null,
  };
  const channel = { ...defaults, ...read.form, id, guild_id: guildId, flags: 0, last_message_id: null };
  world.places.putChannel(id, { guildId, channel });
  return { status: 201, body: channel };
}

function members(world: World, call: RestCall): Answer {
  const all = world.places.members(param(call, 'guild'));
  if (!all) return UNKNOWN.guild;
  const limit = Number(call.query.get('limit') ?? 1);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_MEMBERS) {
    return invalidForm('limit', 'NUMBER_TYPE_MAX', `int value should be between 1 and ${MAX_MEMBERS}.`);
  }
  const after = call.query.get('after') ?? '0';
  if (!/^\d{1,20}$/.test(after)) return invalidForm('after', 'NUMBER_TYPE_COERCE', 'Value is not snowflake.');
  const later = all.filter((member) => BigInt(String((member['user'] as Entity)['id'])) > BigInt(after));
  return ok(later.slice(0, limit));
}

function changeMember(_: World, call: RestCall, member: Entity): Answer {
  const read = readForm(call, anything);
  return read.ok ? ok({ ...member, ...read.form }) : read.answer;
}

function auditLog(): Answer {
  const users = [botUser()];
  return ok({
    audit_log_entries: [],
    users,
    webhooks: [],
    integrations: [],
    threads: [],
    application_commands: [],
  });
}

function createEmoji(world: World, call: RestCall, guild: Entity): Answer {
  const read = readForm(call, emojiSchema);
  if (!read.ok) return read.answer;
  const emojis = children(guild, 'emojis');
  if (emojis.length >= MAX_EMOJI)
    return error(400, ErrorCode.MaximumEmoji, `Maximum number of emojis reached (${MAX_EMOJI})`);
  const emoji = {
    id: world.snowflakes.next(),
    name: read.form.name,
    roles: [],
    user: botUser(),
    require_colons: true,
    managed: false,
    animated: read.form.image.startsWith('data:image/gif'),
    available: true,
  };
  world.places.changeGuild(param(call, 'guild'), { emojis: [...emojis, emoji] });
  return { status: 201, body: emoji };
}

function changeEmoji(world: World, call: RestCall, guild: Entity): Answer {
  const read = readForm(call, anything);
  if (!read.ok) return read.answer;
  const emojis = children(guild, 'emojis');
  const known = emojis.find((one) => one['id'] === param(call, 'emoji'));
  if (!known) return UNKNOWN.emoji;
  const changed = { ...known, ...read.form, id: known['id'] };
  const all = emojis.map((one) => (one === known ? changed : one));
  world.places.changeGuild(param(call, 'guild'), { emojis: all });
  return ok(changed);
}

function deleteEmoji(world: World, call: RestCall, guild: Entity): Answer {
  const emojis = children(guild, 'emojis');
  const left = emojis.filter((one) => one['id'] !== param(call, 'emoji'));
  if (left.length === emojis.length) return UNKNOWN.emoji;
  world.places.changeGuild(param(call, 'guild'), { emojis: left });
  return NO_CONTENT;
}
