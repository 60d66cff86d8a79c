/** Messages: what may be sent, and what becomes of it. https://discord.com/developers/docs/resources/message */
import { z } from 'zod';
import { botUser } from '../payloads/users.ts';
import type { Entity } from '../state/entities.ts';
import { type Answer, EMPTY_MESSAGE } from './answers.ts';
import type { ReceivedFile } from './body.ts';
import { readForm } from './form.ts';
import type { RestCall } from './route.ts';
import type { Webhook } from './state/webhooks.ts';
import type { World } from './state/world.ts';

/** https://discord.com/developers/docs/resources/message#create-message */
const MAX_CONTENT = 2_000;
const MAX_EMBEDS = 10;

const list = z.array(z.looseObject({})).nullish();

export const messageSchema = z.looseObject({
  content: z.string().max(MAX_CONTENT).nullish(),
  embeds: z.array(z.looseObject({})).max(MAX_EMBEDS).nullish(),
  components: list,
  attachments: list,
  sticker_ids: z.array(z.string()).nullish(),
  poll: z.looseObject({}).nullish(),
  flags: z.int().nullish(),
  tts: z.boolean().nullish(),
  nonce: z.union([z.int(), z.string().max(25)]).nullish(),
  message_reference: z.looseObject({}).nullish(),
});

type MessageForm = z.infer<typeof messageSchema>;

export interface Author {
  channelId: string;
  /** Undefined for the bot itself. */
  webhook?: Webhook | undefined;
  /** Of an answer to an interaction. */
  interactionId?: string | undefined;
}

export type MessageResult = { ok: true; id: string; message: Entity } | { ok: false; answer: Answer };

/** Makes a message of the call's body and keeps it. */
export function sendMessage(world: World, call: RestCall, author: Author): MessageResult {
  const read = readForm(call, messageSchema);
  return read.ok ? createMessage(world, call, author, read.form, read.files) : read;
}

export function createMessage(
  world: World,
  call: RestCall,
  author: Author,
  form: MessageForm,
  files: readonly ReceivedFile[],
): MessageResult {
  if (isEmpty(form) && files.length === 0) return { ok: false, answer: EMPTY_MESSAGE };
  const id = world.snowflakes.next();
  const message = {
    id,
    type: form.message_reference ? 19 : 0,
    channel_id: author.channelId,
    author: authorOf(author),
    content: form.content ?? '',
    timestamp: isoTime(call.epochMs),
    edited_timestamp: null,
    tts: form.tts ?? false,
    mention_everyone: false,
    mentions: [],
    mention_roles: [],
    attachments: attachmentsOf(world, author.channelId, files),
    embeds: form.embeds ?? [],
    components: form.components ?? [],
    pinned: false,
    flags: form.flags ?? 0,
    ...(form.nonce === undefined || form.nonce === null ? {} : { nonce: form.nonce }),
    ...(form.message_reference ? { message_reference: form.message_reference } : {}),
    ...(author.webhook ? { webhook_id: author.webhook.id } : {}),
    ...(author.interactionId === undefined ? {} : { application_id: world.application.applicationId }),
  };
  world.messages.add(author.channelId, id, message);
  return { ok: true, id, message };
}

/** Changes a message as PATCH does. */
export function editMessage(world: World, call: RestCall, message: Entity): Answer {
  const read = readForm(call, messageSchema);
  if (!read.ok) return read.answer;
  const { form, files } = read;
  for (const key of ['content', 'embeds', 'components', 'flags'] as const) {
    if (form[key] !== undefined) message[key] = form[key] ?? (key === 'content' ? '' : []);
  }
  const kept = keptAttachments(message, form);
  message['attachments'] = [...kept, ...attachmentsOf(world, String(message['channel_id']), files)];
  message['edited_timestamp'] = isoTime(call.epochMs);
  return { status: 200, body: message };
}

export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000+00:00');
}

function isEmpty(form: MessageForm): boolean {
  const lists = [form.embeds, form.components, form.sticker_ids];
  return !form.content?.trim() && !form.poll && lists.every((each) => !each?.length);
}

/** Those that an edit names, or all where it names none. */
function keptAttachments(message: Entity, { attachments }: MessageForm): unknown[] {
  const known = Array.isArray(message['attachments']) ? (message['attachments'] as Entity[]) : [];
  if (!attachments) return known;
  return known.filter(({ id }) => attachments.some((one) => one['id'] === id));
}

function attachmentsOf(world: World, channelId: string, files: readonly ReceivedFile[]): Entity[] {
  return files.map(({ filename, bytes, contentType }) => {
    const id = world.snowflakes.next();
    const path = `attachments/${channelId}/${id}/${encodeURIComponent(filename)}`;
    return {
      id,
      filename,
      size: bytes,
      url: `https://cdn.discordapp.com/${path}`,
      proxy_url: `https://media.discordapp.net/${path}`,
      ...(contentType === undefined ? {} : { content_type: contentType }),
    };
  });
}

function authorOf({ webhook }: Author): Entity {
  if (!webhook) return { ...botUser() };
  const { id, name } = webhook;
  return {
    id,
    username: name,
    avatar: null,
    discriminator: '0000',
    public_flags: 0,
    flags: 0,
    bot: true,
    global_name: null,
  };
}
