/** https://discord.com/developers/docs/resources/message */
import { z } from 'zod';
import { BOT_USER_ID, botUser } from '../../payloads/users.ts';
import { child, children, type Entity } from '../../state/entities.ts';
import { type Answer, ErrorCode, error, invalidForm, NO_CONTENT, ok, UNKNOWN } from '../answers.ts';
import { readForm } from '../form.ts';
import type { BucketName } from '../limits.ts';
import { editMessage, sendMessage } from '../message-form.ts';
import { param, type RestCall, type Route } from '../route.ts';
import { isSnowflake, timeOf } from '../rules/snowflake.ts';
import type { World } from '../state/world.ts';

const YOUNG_MS = 10_000;
const HOUR_MS = 3_600_000;
const OLD_MS = 14 * 24 * HOUR_MS;

const DEFAULT_PAGE = 50;
const MAX_PAGE = 100;
const DEFAULT_REACTORS = 25;

const CHANNEL = '/channels/:channel';
const MESSAGES = `${CHANNEL}/messages`;
const MESSAGE = `${MESSAGES}/:message`;
const REACTION = `${MESSAGE}/reactions/:emoji`;

const bulkSchema = z.looseObject({
  messages: z
    .array(z.string().regex(/^\d{17,20}$/))
    .min(2)
    .max(100),
});

export const messageRoutes: readonly Route[] = [
  { method: 'GET', template: MESSAGES, access: 'bot', bucket: 'read-messages', act: inChannel(list) },
  { method: 'POST', template: MESSAGES, access: 'bot', bucket: 'create-message', act: inChannel(send) },
  {
    method: 'GET',
    template: MESSAGE,
    access: 'bot',
    bucket: 'read-message',
    act: onMessage((_, __, message) => ok(message)),
  },
  {
    method: 'PATCH',
    template: MESSAGE,
    access: 'bot',
    bucket: 'edit-message',
    subLimit: (call) =>
      call.epochMs - timeOf(param(call, 'message')) > HOUR_MS
        ? { name: 'edit-old-message', of: param(call, 'channel') }
        : undefined,
    act: onMessage(edit),
  },
  { method: 'DELETE', template: MESSAGE, access: 'bot', bucket: deletionBucket, act: onMessage(remove) },
  {
    method: 'POST',
    template: `${MESSAGES}/bulk-delete`,
    access: 'bot',
    bucket: 'bulk-delete',
    act: inChannel(removeMany),
  },
  {
    method: 'POST',
    template: `${MESSAGE}/crosspost`,
    access: 'bot',
    bucket: 'crosspost',
    subLimit: (call) => ({ name: 'crosspost', of: param(call, 'channel') }),
    act: onMessage(crosspost),
  },
  { method: 'PUT', template: `${REACTION}/@me`, access: 'bot', bucket: 'reactions', act: onMessage(react) },
  {
    method: 'DELETE',
    template: `${REACTION}/@me`,
    access: 'bot',
    bucket: 'reactions',
    act: onMessage(unreact),
  },
  {
    method: 'DELETE',
    template: `${REACTION}/:user`,
    access: 'bot',
    bucket: 'reactions',
    act: onMessage(unreact),
  },
  { method: 'DELETE', template: REACTION, access: 'bot', bucket: 'reactions', act: onMessage(unreact) },
  { method: 'GET', template: REACTION, access: 'bot', bucket: 'reactions', act: onMessage(reactors) },
  {
    method: 'DELETE',
    template: `${MESSAGE}/reactions`,
    access: 'bot',
    bucket: 'reactions',
    act: onMessage(clearReactions),
  },
  {
    method: 'POST',
    template: `${CHANNEL}/typing`,
    access: 'bot',
    bucket: 'typing',
    act: inChannel(() => NO_CONTENT),
  },
  { method: 'GET', template: `${CHANNEL}/pins`, access: 'bot', bucket: 'pins', act: inChannel(pinned) },
  {
    method: 'PUT',
    template: `${CHANNEL}/pins/:message`,
    access: 'bot',
    bucket: 'pins',
    act: onMessage(pin(true)),
  },
  {
    method: 'DELETE',
    template: `${CHANNEL}/pins/:message`,
    access: 'bot',
    bucket: 'pins',
    act: onMessage(pin(false)),
  },
];

/** Deleting has three limits, by the age of the message. */
function deletionBucket(params: RestCall['params'], epochMs: number): BucketName {
  const id = params['message'] ?? '';
  if (!isSnowflake(id)) return 'delete-message';
  const ageMs = epochMs - timeOf(id);
  if (ageMs > OLD_MS) return 'delete-old-message';
  return ageMs < YOUNG_MS ? 'delete-young-message' : 'delete-message';
}

function inChannel(act: Route['act']): Route['act'] {
  return (world, call) => (world.places.channel(param(call, 'channel')) ? act(world, call) : UNKNOWN.channel);
}

function onMessage(act: (world: World, call: RestCall, message: Entity) => Answer): Route['act'] {
  return inChannel((world, call) => {
    const message = world.messages.find(param(call, 'channel'), param(call, 'message'));
    return message ? act(world, call, message) : UNKNOWN.message;
  });
}

function list(world: World, call: RestCall): Answer {
  const [limitText, before, after, around] = ['limit', 'before', 'after', 'around'].map(
    (name) => call.query.get(name) ?? undefined,
  );
  const limit = limitText === undefined ? DEFAULT_PAGE : Number(limitText);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    return invalidForm('limit', 'NUMBER_TYPE_MAX', `int value should be between 1 and ${MAX_PAGE}.`);
  }
  const cursors = Object.entries({ before, after, around }).filter(([, id]) => id !== undefined);
  const wrong = cursors.find(([, id]) => !/^\d{1,20}$/.test(id ?? ''));
  if (wrong) return invalidForm(wrong[0], 'NUMBER_TYPE_COERCE', `Value "${wrong[1]}" is not snowflake.`);
  return ok(world.messages.page(param(call, 'channel'), { limit, before, after, around }));
}

function send(world: World, call: RestCall): Answer {
  const sent = sendMessage(world, call, { channelId: param(call, 'channel') });
  return sent.ok ? ok(sent.message) : sent.answer;
}

function edit(world: World, call: RestCall, message: Entity): Answer {
  if (child(message, 'author')['id'] !== BOT_USER_ID) {
    return error(403, ErrorCode.EditOfAnother, 'Cannot edit a message authored by another user');
  }
  return editMessage(world, call, message);
}

function remove(world: World, call: RestCall): Answer {
  world.messages.delete(param(call, 'channel'), param(call, 'message'));
  return NO_CONTENT;
}

function removeMany(world: World, call: RestCall): Answer {
  const read = readForm(call, bulkSchema);
  if (!read.ok) return read.answer;
  if (read.form.messages.some((id) => call.epochMs - timeOf(id) > OLD_MS)) {
    const text = 'You can only bulk delete messages that are under 14 days old.';
    return error(400, ErrorCode.TooOldToBulkDelete, text);
  }
  for (const id of read.form.messages) world.messages.delete(param(call, 'channel'), id);
  return NO_CONTENT;
}

const CROSSPOSTED = 1;

function crosspost(_: World, __: RestCall, message: Entity): Answer {
  const flags = Number(message['flags']);
  if ((flags & CROSSPOSTED) !== 0)
    return error(400, ErrorCode.AlreadyCrossposted, 'This message has already been crossposted.');
  message['flags'] = flags | CROSSPOSTED;
  return ok(message);
}

/** `name:id`, or an emoji itself. Undefined where it is neither. */
function emojiOf(call: RestCall): { id: string | null; name: string } | undefined {
  const name = param(call, 'emoji');
  const [, custom, id] = /^(\w{2,32}):(\d{17,20})$/.exec(name) ?? [];
  if (custom !== undefined && id !== undefined) return { id, name: custom };
  return /^[\x20-\x7e]/.test(name) ? undefined : { id: null, name };
}

function react(_: World, call: RestCall, message: Entity): Answer {
  const emoji = emojiOf(call);
  if (!emoji) return error(400, ErrorCode.UnknownEmoji, 'Unknown Emoji');
  const others = reactionsBut(message, emoji);
  message['reactions'] = [...others, { emoji, count: 1, me: true }];
  return NO_CONTENT;
}

function unreact(_: World, call: RestCall, message: Entity): Answer {
  const emoji = emojiOf(call);
  if (!emoji) return error(400, ErrorCode.UnknownEmoji, 'Unknown Emoji');
  message['reactions'] = reactionsBut(message, emoji);
  return NO_CONTENT;
}

/** Only the bot itself reacts here. */
function reactors(_: World, call: RestCall, message: Entity): Answer {
  const limit = Number(call.query.get('limit') ?? DEFAULT_REACTORS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    return invalidForm('limit', 'NUMBER_TYPE_MAX', `int value should be between 1 and ${MAX_PAGE}.`);
  }
  const after = call.query.get('after') ?? '0';
  if (!/^\d{1,20}$/.test(after))
    return invalidForm('after', 'NUMBER_TYPE_COERCE', `Value "${after}" is not snowflake.`);
  const emoji = emojiOf(call);
  const all = children(message, 'reactions');
  const hasReacted = emoji !== undefined && all.length > reactionsBut(message, emoji).length;
  return ok(hasReacted && BigInt(BOT_USER_ID) > BigInt(after) ? [botUser()] : []);
}

function clearReactions(_: World, __: RestCall, message: Entity): Answer {
  message['reactions'] = [];
  return NO_CONTENT;
}

function reactionsBut(message: Entity, emoji: { id: string | null; name: string }): Entity[] {
  return children(message, 'reactions').filter((one) => {
    const { id, name } = child(one, 'emoji');
    return id !== emoji.id || name !== emoji.name;
  });
}

function pinned(world: World, call: RestCall): Answer {
  return ok(world.messages.all(param(call, 'channel')).filter((message) => message['pinned'] === true));
}

function pin(isPinned: boolean) {
  return (_: World, __: RestCall, message: Entity): Answer => {
    message['pinned'] = isPinned;
    return NO_CONTENT;
  };
}
