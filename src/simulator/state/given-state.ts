/** A guild that a test made up: its state is what the GUILD_CREATE says. */
import {
  children,
  type Entity,
  emptyLists,
  LIST_NAMES,
  type LiveGuild,
  replaceList,
  text,
  without,
} from './entities.ts';
import { ChannelType } from './objects.ts';

/** What a body has that is neither a list nor a setting. */
const EXTRAS = ['joined_at', 'large', 'unavailable', 'member_count'];

export function stateOfBody(body: Entity): LiveGuild {
  const channels = children(body, 'channels');
  const members = children(body, 'members');
  const id = text(body, 'id');
  const idOf = (type: number) => text(channels.find((channel) => channel['type'] === type) ?? { id }, 'id');
  const guild: LiveGuild = {
    identity: {
      id,
      seed: 0,
      channelId: idOf(ChannelType.Text),
      voiceChannelId: idOf(ChannelType.Voice),
      roleIds: [],
    },
    fullSize: members.length,
    settings: without(body, ...EXTRAS, ...LIST_NAMES),
    extras: { joined_at: body['joined_at'] },
    memberCount: Number(body['member_count'] ?? members.length),
    isAvailable: body['unavailable'] !== true,
    lists: emptyLists(),
    archivedThreads: new Map(),
    voiceStartTimes: new Map(),
  };
  for (const list of LIST_NAMES) replaceList(guild, list, children(body, list));
  return guild;
}
