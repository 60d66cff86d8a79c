/**
 * Webhooks, and interactions, which are answered through the application's own.
 * https://discord.com/developers/docs/resources/webhook, https://discord.com/developers/docs/interactions/receiving-and-responding
 */
import { z } from 'zod';
import { type Answer, ErrorCode, error, INVALID_WEBHOOK_TOKEN, NO_CONTENT, ok, UNKNOWN } from '../answers.ts';
import { readForm } from '../form.ts';
import { type Author, createMessage, editMessage, messageSchema, sendMessage } from '../message-form.ts';
import { param, type RestCall, type Route } from '../route.ts';
import type { Credential, Interaction, Webhook } from '../state/webhooks.ts';
import type { World } from '../state/world.ts';

const OWN = '/webhooks/:webhook';
const WITH_TOKEN = `${OWN}/:token`;
const MESSAGE = `${WITH_TOKEN}/messages/:message`;

const ORIGINAL = '@original';

/** https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type */
const CallbackType = { Message: 4, UpdateMessage: 7 } as const;

const nameSchema = z.looseObject({ name: z.string().min(1).max(80) });
const changeSchema = z.looseObject({
  name: z.string().min(1).max(80).optional(),
  channel_id: z.string().optional(),
});
const callbackSchema = z.looseObject({ type: z.int().min(1).max(12), data: messageSchema.nullish() });

export const webhookRoutes: readonly Route[] = [
  {
    method: 'POST',
    template: '/channels/:channel/webhooks',
    access: 'bot',
    bucket: 'manage-webhooks',
    act: create,
  },
  {
    method: 'GET',
    template: '/channels/:channel/webhooks',
    access: 'bot',
    bucket: 'manage-webhooks',
    act: list,
  },
  {
    method: 'GET',
    template: OWN,
    access: 'bot',
    bucket: 'manage-webhooks',
    act: owned((_, __, hook) => ok(told(hook))),
  },
  { method: 'PATCH', template: OWN, access: 'bot', bucket: 'manage-webhooks', act: owned(change) },
  { method: 'DELETE', template: OWN, access: 'bot', bucket: 'manage-webhooks', act: owned(remove) },
  {
    method: 'GET',
    template: WITH_TOKEN,
    access: 'webhook',
    bucket: 'webhook-message',
    act: held((_, __, hook) => ok(told(hook))),
  },
  { method: 'PATCH', template: WITH_TOKEN, access: 'webhook', bucket: 'webhook-message', act: held(change) },
  { method: 'DELETE', template: WITH_TOKEN, access: 'webhook', bucket: 'webhook-message', act: held(remove) },
  {
    method: 'POST',
    template: WITH_TOKEN,
    access: 'webhook',
    bucket: 'execute-webhook',
    act: withCredential(execute),
  },
  {
    method: 'GET',
    template: MESSAGE,
    access: 'webhook',
    bucket: 'webhook-message',
    act: onMessage((_, __, { message }) => ok(message)),
  },
  {
    method: 'PATCH',
    template: MESSAGE,
    access: 'webhook',
    bucket: 'webhook-message',
    act: onMessage((world, call, { message }) => editMessage(world, call, message)),
  },
  {
    method: 'DELETE',
    template: MESSAGE,
    access: 'webhook',
    bucket: 'webhook-message',
    act: onMessage(removeMessage),
  },
  {
    method: 'POST',
    template: '/interactions/:interaction/:token/callback',
    access: 'interaction',
    act: answerInteraction,
  },
];

function told({ id, token, channelId, guildId, name }: Webhook) {
  return {
    id,
    type: 1,
    token,
    channel_id: channelId,
    guild_id: guildId,
    name,
    avatar: null,
    application_id: null,
  };
}

function create(world: World, call: RestCall): Answer {
  const place = world.places.channel(param(call, 'channel'));
  if (!place) return UNKNOWN.channel;
  const read = readForm(call, nameSchema);
  if (!read.ok) return read.answer;
  const { guildId } = place;
  const facts = {
    id: world.snowflakes.next(),
    channelId: param(call, 'channel'),
    guildId,
    name: read.form.name,
  };
  return ok(told(world.webhooks.create(facts)));
}

function list(world: World, call: RestCall): Answer {
  const channelId = param(call, 'channel');
  if (!world.places.channel(channelId)) return UNKNOWN.channel;
  return ok(world.webhooks.ofChannel(channelId).map(told));
}

type HookAct = (world: World, call: RestCall, webhook: Webhook) => Answer;

/** By the bot itself. */
function owned(act: HookAct): Route['act'] {
  return (world, call) => {
    const webhook = world.webhooks.find(param(call, 'webhook'));
    return webhook ? act(world, call, webhook) : UNKNOWN.webhook;
  };
}

type Known = Extract<Credential, { kind: 'webhook' | 'interaction' }>;

function withCredential(act: (world: World, call: RestCall, known: Known) => Answer): Route['act'] {
  return (world, call) => {
    const known = world.webhooks.credential(param(call, 'webhook'), param(call, 'token'), call.nowMs);
    if (known.kind === 'wrong-token') return INVALID_WEBHOOK_TOKEN;
    return known.kind === 'unknown' ? UNKNOWN.webhook : act(world, call, known);
  };
}

/** By whoever has its token. */
function held(act: HookAct): Route['act'] {
  return withCredential((world, call, known) =>
    known.kind === 'webhook' ? act(world, call, known.webhook) : UNKNOWN.webhook,
  );
}

function change(_: World, call: RestCall, webhook: Webhook): Answer {
  const read = readForm(call, changeSchema);
  if (!read.ok) return read.answer;
  webhook.name = read.form.name ?? webhook.name;
  webhook.channelId = read.form.channel_id ?? webhook.channelId;
  return ok(told(webhook));
}

function remove(world: World, _: RestCall, webhook: Webhook): Answer {
  world.webhooks.delete(webhook.id);
  return NO_CONTENT;
}

function authorOf(known: Known): Author {
  return known.kind === 'webhook'
    ? { channelId: known.webhook.channelId, webhook: known.webhook }
    : { channelId: known.interaction.channelId, interactionId: known.interaction.id };
}

function execute(world: World, call: RestCall, known: Known): Answer {
  const sent = sendMessage(world, call, authorOf(known));
  if (!sent.ok) return sent.answer;
  const isAwaited = known.kind === 'interaction' || isAskedFor(call, 'wait');
  return isAwaited ? ok(sent.message) : NO_CONTENT;
}

/** Libraries write a true of a query as they like. */
function isAskedFor(call: RestCall, name: string): boolean {
  return /^(?:true|1)$/i.test(call.query.get(name) ?? '');
}

interface Found {
  channelId: string;
  id: string;
  message: Record<string, unknown>;
}

function onMessage(act: (world: World, call: RestCall, found: Found) => Answer): Route['act'] {
  return withCredential((world, call, known) => {
    const { channelId } = authorOf(known);
    const asked = param(call, 'message');
    const original = known.kind === 'interaction' ? (known.interaction.originalId ?? '') : '';
    const id = asked === ORIGINAL ? original : asked;
    if (asked === ORIGINAL && known.kind === 'interaction' && original === '') {
      return call.body.bytes > 0 ? firstMessage(world, call, known.interaction) : UNKNOWN.message;
    }
    const message = world.messages.find(channelId, id);
    return message ? act(world, call, { channelId, id, message }) : UNKNOWN.message;
  });
}

/** After a deferred answer, editing the original is what makes it. */
function firstMessage(world: World, call: RestCall, interaction: Interaction): Answer {
  const sent = sendMessage(world, call, { channelId: interaction.channelId, interactionId: interaction.id });
  if (!sent.ok) return sent.answer;
  interaction.originalId = sent.id;
  return ok(sent.message);
}

function removeMessage(world: World, _: RestCall, { channelId, id }: Found): Answer {
  world.messages.delete(channelId, id);
  return NO_CONTENT;
}

function answerInteraction(world: World, call: RestCall): Answer {
  const interaction = world.webhooks.interaction(
    param(call, 'interaction'),
    param(call, 'token'),
    call.nowMs,
  );
  if (!interaction) return UNKNOWN.interaction;
  if (interaction.isAcknowledged) {
    return error(400, ErrorCode.AlreadyAcknowledged, 'Interaction has already been acknowledged.');
  }
  const read = readForm(call, callbackSchema);
  if (!read.ok) return read.answer;
  const { type, data } = read.form;
  const author = { channelId: interaction.channelId, interactionId: interaction.id };
  const isMessage = type === CallbackType.Message || type === CallbackType.UpdateMessage;
  const sent = isMessage ? createMessage(world, call, author, data ?? {}, read.files) : undefined;
  if (sent && !sent.ok) return sent.answer;
  interaction.isAcknowledged = true;
  interaction.originalId = sent?.id;
  if (!isAskedFor(call, 'with_response')) return NO_CONTENT;
  const told = { id: interaction.id, type: interaction.type, response_message_id: sent?.id };
  return ok({ interaction: told, ...(sent ? { resource: { type, message: sent.message } } : {}) });
}
