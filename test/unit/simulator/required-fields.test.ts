/** What Discord documents as always there, per event and nested object; optional ones only where all clients of a busy bot see them. */
import { describe, expect, test } from 'vitest';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { EventTemplates } from '../../../src/simulator/payloads/events.ts';
import { GuildSet, renderGuildCreate } from '../../../src/simulator/payloads/guilds.ts';
import { botVoiceState } from '../../../src/simulator/payloads/ready.ts';
import { createUsers } from '../../../src/simulator/payloads/users.ts';
import { Random } from '../../../src/simulator/random.ts';

const USER = 'id username discriminator global_name avatar';
const MEMBER = 'roles joined_at deaf mute flags premium_since pending avatar banner nick';
const ROLE =
  'id name color colors hoist icon unicode_emoji position permissions managed mentionable flags colors.primary_color ' +
  'colors.secondary_color colors.tertiary_color';
const CHANNEL = 'id type name position permission_overwrites flags nsfw topic parent_id rate_limit_per_user';
const GUILD =
  'id name icon splash discovery_splash banner description owner_id application_id afk_channel_id afk_timeout ' +
  'verification_level default_message_notifications explicit_content_filter mfa_level nsfw_level features emojis stickers ' +
  'roles system_channel_id system_channel_flags rules_channel_id public_updates_channel_id safety_alerts_channel_id ' +
  'vanity_url_code premium_tier preferred_locale premium_progress_bar_enabled';
const GUILD_EXTRAS =
  'joined_at large member_count voice_states members channels threads presences stage_instances guild_scheduled_events ' +
  'soundboard_sounds';
const MESSAGE =
  'id channel_id guild_id author member content timestamp edited_timestamp tts mention_everyone mentions mention_roles ' +
  'attachments embeds pinned type flags';
const VOICE_STATE =
  'guild_id channel_id user_id member session_id deaf mute self_deaf self_mute self_video suppress request_to_speak_timestamp';

function under(path: string, fields: string): string {
  return fields.replaceAll(/\S+/g, (field) => `${path}.${field}`);
}

const MEMBER_WITH_USER = `${MEMBER} user ${under('user', USER)}`;

/** `[]` stands for each element of an array, which may have none. */
const required: Record<string, string> = {
  MESSAGE_CREATE: [
    MESSAGE,
    under('author', USER),
    under('member', MEMBER),
    under('mentions[]', `${USER} member ${under('member', MEMBER)}`),
    under('embeds[].fields[]', 'name value inline'),
  ].join(' '),
  MESSAGE_UPDATE: `${MESSAGE} ${under('author', USER)}`,
  MESSAGE_DELETE: 'id channel_id guild_id',
  GUILD_MEMBER_ADD: `guild_id ${MEMBER_WITH_USER}`,
  GUILD_MEMBER_UPDATE: `guild_id ${MEMBER_WITH_USER}`,
  GUILD_MEMBER_REMOVE: `guild_id ${under('user', USER)}`,
  PRESENCE_UPDATE:
    'user.id guild_id status client_status activities activities[].name activities[].type activities[].created_at',
  TYPING_START: `channel_id guild_id user_id timestamp ${under('member', MEMBER_WITH_USER)}`,
  VOICE_STATE_UPDATE: `${VOICE_STATE} ${under('member', MEMBER_WITH_USER)}`,
  MESSAGE_REACTION_ADD: `user_id channel_id message_id guild_id message_author_id emoji.id emoji.name burst type ${under('member', MEMBER_WITH_USER)}`,
  INTERACTION_CREATE: [
    'id application_id type token version locale guild_locale guild_id channel_id channel app_permissions entitlements',
    'authorizing_integration_owners context attachment_size_limit guild.id guild.features guild.locale',
    'data.id data.name data.type data.options[].name data.options[].type data.options[].value member.permissions',
    under('member', MEMBER_WITH_USER),
    under('channel', `${CHANNEL} permissions`),
  ].join(' '),
  CHANNEL_UPDATE: `guild_id ${CHANNEL} ${under('permission_overwrites[]', 'id type allow deny')}`,
  GUILD_UPDATE: `${GUILD} ${under('roles[]', ROLE)}`,
};

/** Where `value` lacks the field at the end of `path`. */
function missing(value: unknown, path: string): string[] {
  let found = [value];
  for (const step of path.split('.')) {
    const key = step.replace('[]', '');
    found = found.map((one) => (one as Record<string, unknown>)[key]);
    if (found.includes(undefined)) return [path];
    if (step.endsWith('[]')) found = found.flat();
  }
  return [];
}

function lacks(body: unknown, fields: string): string[] {
  return fields.split(' ').flatMap((path) => missing(body, path));
}

interface Member {
  roles?: string[];
}

/** As much of a generated event as tests look into. */
interface Body extends Member {
  guild_id?: string;
  member?: Member;
}

interface CreatedGuild {
  id: string;
  unavailable?: boolean;
  roles: { id: string }[];
  members: Member[];
}

const random = new Random(1);
const users = createUsers(random);
const templates = new EventTemplates(random, users);
const guilds = new GuildSet(0, 1, 20);
const generated = Array.from({ length: 5_000 }, () => {
  const { t, d } = templates.next(guilds.pick(random), ALL_INTENTS, random)!;
  return { t, d: JSON.parse(d) as Body };
});

describe('generated events have the fields that Discord requires', () => {
  test('in each type that there is', () => {
    expect(new Set(generated.map(({ t }) => t))).toEqual(new Set(Object.keys(required)));
  });

  test.each(Object.entries(required))('%s', (type, fields) => {
    const bodies = generated.filter(({ t }) => t === type).map(({ d }) => d);
    expect(new Set(bodies.flatMap((body) => lacks(body, fields)))).toEqual(new Set());
  });

  test('a VOICE_STATE_UPDATE of the bot', () => {
    expect(lacks(botVoiceState(guilds.all()[0]!, null, 's'), VOICE_STATE)).toEqual([]);
  });
});

describe('GUILD_CREATE', () => {
  const bodies = guilds
    .all()
    .map((guild) => JSON.parse(renderGuildCreate(guild, users, true)) as CreatedGuild);

  test('has the fields that Discord requires', () => {
    const fields = [
      GUILD,
      GUILD_EXTRAS,
      under('roles[]', ROLE),
      under('channels[]', CHANNEL),
      under('members[]', MEMBER_WITH_USER),
    ].join(' ');
    expect(new Set(bodies.flatMap((body) => lacks(body, fields)))).toEqual(new Set());
  });

  test('says `unavailable:false` after READY, and nothing of it when the bot joins', () => {
    expect(bodies.every((body) => body.unavailable === false)).toBe(true);
    expect(JSON.parse(renderGuildCreate(guilds.all()[0]!, users, false))).not.toHaveProperty('unavailable');
  });

  test('has every role that its members and the members in its events have', () => {
    const rolesOf = new Map(bodies.map(({ id, roles }) => [id, new Set(roles.map((role) => role.id))]));
    const members = [
      ...bodies.flatMap((body) => body.members.map((member) => ({ guild: body.id, member }))),
      ...generated
        .filter(({ t }) => t !== 'GUILD_UPDATE')
        .map(({ d }) => ({ guild: d.guild_id ?? '', member: d.member ?? d })),
    ];
    const strangers = members.flatMap(({ guild, member }) =>
      (member.roles ?? []).filter((id) => rolesOf.get(guild)?.has(id) !== true),
    );
    expect(strangers).toEqual([]);
  });
});
