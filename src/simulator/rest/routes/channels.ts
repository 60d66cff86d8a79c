/** https://discord.com/developers/docs/resources/channel */
import { z } from 'zod';
import { isEntity } from '../../state/entities.ts';
import { type Answer, ok, UNKNOWN } from '../answers.ts';
import { readForm } from '../form.ts';
import { param, type RestCall, type Route } from '../route.ts';
import type { Place } from '../state/places.ts';
import type { World } from '../state/world.ts';

const CHANNEL = '/channels/:channel';

const changeSchema = z.looseObject({
  name: z.string().min(1).max(100).optional(),
  topic: z.string().max(1_024).nullish(),
});

export const channelRoutes: readonly Route[] = [
  {
    method: 'GET',
    template: CHANNEL,
    access: 'bot',
    bucket: 'read-channel',
    act: found((_, __, { channel }) => ok(channel)),
  },
  {
    method: 'PATCH',
    template: CHANNEL,
    access: 'bot',
    bucket: 'change-channel',
    subLimit: nameLimit,
    act: found(change),
  },
  { method: 'DELETE', template: CHANNEL, access: 'bot', bucket: 'change-channel', act: found(remove) },
];

/** Only name and topic have it, so the same route is free for all else. */
function nameLimit(call: RestCall): ReturnType<NonNullable<Route['subLimit']>> {
  const { content } = call.body;
  const json = content.kind === 'json' ? content.json : undefined;
  if (!isEntity(json) || (json['name'] === undefined && json['topic'] === undefined)) return undefined;
  return { name: 'channel-name', of: param(call, 'channel') };
}

function found(act: (world: World, call: RestCall, place: Place) => Answer): Route['act'] {
  return (world, call) => {
    const place = world.places.channel(param(call, 'channel'));
    return place ? act(world, call, place) : UNKNOWN.channel;
  };
}

function change(world: World, call: RestCall, { guildId, channel }: Place): Answer {
  const read = readForm(call, changeSchema);
  if (!read.ok) return read.answer;
  const id = param(call, 'channel');
  const changed = { ...channel, ...read.form, id };
  world.places.putChannel(id, { guildId, channel: changed });
  return ok(changed);
}

function remove(world: World, call: RestCall, { channel }: Place): Answer {
  world.places.putChannel(param(call, 'channel'), null);
  return ok(channel);
}
