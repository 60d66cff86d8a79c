/** What a bot asks for about itself when it starts, and its commands. https://discord.com/developers/docs/resources/application */
import { z } from 'zod';
import { BOT_USER_ID, botUser } from '../../payloads/users.ts';
import { type Answer, invalidForm, ok, UNKNOWN } from '../answers.ts';
import { readForm } from '../form.ts';
import { param, type RestCall, type Route } from '../route.ts';
import type { World } from '../state/world.ts';

const COMMANDS = '/applications/:application/commands';
const GUILD_COMMANDS = '/applications/:application/guilds/:guild/commands';

const recipientSchema = z.looseObject({ recipient_id: z.string().regex(/^\d{17,20}$/) });
const commandSchema = z.looseObject({ name: z.string().min(1).max(32) });
const commandsSchema = z.array(commandSchema).max(110);
const anything = z.looseObject({});

const CHAT_INPUT = 1;
const DM = 1;

export const ownRoutes: readonly Route[] = [
  { method: 'GET', template: '/gateway', access: 'anyone', act: (world) => ok({ url: world.gatewayUrl() }) },
  { method: 'GET', template: '/gateway/bot', access: 'bot', act: gatewayBot },
  { method: 'GET', template: '/users/@me', access: 'bot', bucket: 'own-user', act: () => ok(ownUser()) },
  { method: 'PATCH', template: '/users/@me', access: 'bot', bucket: 'own-user', act: changeUser },
  { method: 'GET', template: '/users/:user', access: 'bot', bucket: 'own-user', act: user },
  { method: 'POST', template: '/users/@me/channels', access: 'bot', bucket: 'create-dm', act: createDm },
  {
    method: 'GET',
    template: '/applications/@me',
    access: 'bot',
    bucket: 'own-user',
    act: (world) => ok(application(world)),
  },
  {
    method: 'GET',
    template: '/oauth2/applications/@me',
    access: 'bot',
    bucket: 'own-user',
    act: (world) => ok(application(world)),
  },
  { method: 'GET', template: COMMANDS, access: 'bot', bucket: 'commands', act: () => ok([]) },
  { method: 'POST', template: COMMANDS, access: 'bot', bucket: 'commands', act: createCommand },
  { method: 'PUT', template: COMMANDS, access: 'bot', bucket: 'commands', act: replaceCommands },
  { method: 'GET', template: GUILD_COMMANDS, access: 'bot', bucket: 'commands', act: () => ok([]) },
  { method: 'PUT', template: GUILD_COMMANDS, access: 'bot', bucket: 'commands', act: replaceCommands },
];

function gatewayBot(world: World, call: RestCall): Answer {
  const { shards, gate } = world.application;
  return ok({ url: world.gatewayUrl(), shards: shards.length, session_start_limit: gate.limit(call.nowMs) });
}

function ownUser() {
  return { ...botUser(), verified: true, mfa_enabled: true, locale: 'en-US', email: null, flags: 0, bio: '' };
}

function changeUser(_: World, call: RestCall): Answer {
  const read = readForm(call, anything);
  return read.ok ? ok({ ...ownUser(), ...read.form, id: BOT_USER_ID }) : read.answer;
}

function user(world: World, call: RestCall): Answer {
  const id = param(call, 'user');
  if (id === BOT_USER_ID) return ok(ownUser());
  const found = world.application.users.find((each) => each.id === id);
  return found ? ok(found) : UNKNOWN.user;
}

function application(world: World) {
  return {
    id: world.application.applicationId,
    name: 'simulated',
    icon: null,
    description: '',
    summary: '',
    type: null,
    bot: botUser(),
    bot_public: true,
    bot_require_code_grant: false,
    verify_key: '0'.repeat(64),
    flags: 565_248,
    hook: true,
    owner: { ...botUser(), bot: false },
    team: null,
    redirect_uris: [],
    interactions_endpoint_url: null,
    approximate_guild_count: world.application.shards.reduce((sum, { guilds }) => sum + guilds.size, 0),
  };
}

function createDm(world: World, call: RestCall): Answer {
  const read = readForm(call, recipientSchema);
  if (!read.ok) return read.answer;
  const recipient = world.application.users.find(({ id }) => id === read.form.recipient_id);
  if (!recipient)
    return invalidForm('recipient_id', 'INVALID_RECIPIENT', 'Cannot send messages to this user');
  const id = world.snowflakes.next();
  const channel = { id, type: DM, last_message_id: null, flags: 0, recipients: [recipient] };
  world.places.putChannel(id, { guildId: null, channel });
  return ok(channel);
}

function command(world: World, call: RestCall, form: z.infer<typeof commandSchema>) {
  const guildId = call.params['guild'];
  return {
    type: CHAT_INPUT,
    description: '',
    ...form,
    id: world.snowflakes.next(),
    application_id: param(call, 'application'),
    version: world.snowflakes.next(),
    ...(guildId === undefined ? {} : { guild_id: guildId }),
  };
}

function createCommand(world: World, call: RestCall): Answer {
  const read = readForm(call, commandSchema);
  return read.ok ? { status: 201, body: command(world, call, read.form) } : read.answer;
}

function replaceCommands(world: World, call: RestCall): Answer {
  const read = readForm(call, commandsSchema);
  return read.ok ? ok(read.form.map((form) => command(world, call, form))) : read.answer;
}
