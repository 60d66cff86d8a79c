/** The reducer against the simulator's own guilds, whose state is kept without anything of the product. */
import { expect, it } from 'vitest';
import {
  asSnapshot,
  type GuildDispatch,
  guildIdOf,
  isUnavailable,
  type JsonObject,
  reduceGuildAll,
  relevantEventTypes,
} from '../../../src/guilds/index.ts';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { GuildSet } from '../../../src/simulator/payloads/guilds.ts';
import { BOT_USER_ID, createUsers } from '../../../src/simulator/payloads/users.ts';
import { Random } from '../../../src/simulator/random.ts';
import { DEFAULT_GUILD_SIZE } from '../../../src/simulator/state/first-state.ts';
import { ShardState } from '../../../src/simulator/state/shard-state.ts';

const OPTIONS = { ownUserId: BOT_USER_ID, off: new Set<never>(), lastMessageIds: false };
const EVENTS = 3_000;
const GUILDS = 4;
const LARGE_THRESHOLD = 50;

interface Shard {
  readonly set: GuildSet;
  readonly state: ShardState;
  readonly listener: { intents: number; largeThreshold: number; dispatch(t: string, d: string): number };
  /** What was dispatched, in order. */
  readonly dispatches: GuildDispatch[];
}

function startShard(seed: number): Shard {
  const set = new GuildSet(0, 1, GUILDS);
  const users = createUsers(new Random(seed));
  const state = new ShardState({ shard: 0, seed, guilds: set, size: DEFAULT_GUILD_SIZE, users });
  const dispatches: GuildDispatch[] = [];
  const dispatch = (t: string, d: string) => dispatches.push({ t, d: JSON.parse(d) });
  const listener = { intents: ALL_INTENTS, largeThreshold: LARGE_THRESHOLD, dispatch };
  for (const guild of set.all()) state.introduce(guild, listener);
  return { set, state, listener, dispatches };
}

function byGuild(dispatches: readonly GuildDispatch[]): Map<string | undefined, GuildDispatch[]> {
  const relevant = relevantEventTypes(OPTIONS);
  return Map.groupBy(
    dispatches.filter(({ t }) => relevant.has(t)),
    ({ t, d }) => guildIdOf(t, d),
  );
}

/** Without what the order of a list says, and without what the simulator tells in CHANNEL_INFO alone. */
function comparable(guild: JsonObject): JsonObject {
  const channels = (guild['channels'] as JsonObject[]).map(
    ({ status: _, voice_start_time: __, ...rest }) => rest,
  );
  const all = Object.entries({ ...guild, channels }).map(([key, value]) => [key, sorted(value)]);
  return Object.fromEntries(all);
}

function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) => [sortKey(item), item]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

function sortKey(item: JsonObject): unknown {
  return (
    item['id'] ?? item['sound_id'] ?? item['user_id'] ?? (item['user'] as JsonObject | undefined)?.['id']
  );
}

it.each([1, 2, 3, 4, 5])("snapshots are the simulator's own guilds after any events (seed %i)", (seed) => {
  const { set, state, listener, dispatches } = startShard(seed);
  for (let count = 0; count < EVENTS; count += 1) state.happen(listener);
  const histories = byGuild(dispatches);
  expect(set.all().length).toBeGreaterThanOrEqual(GUILDS);
  for (const { id } of set.all()) {
    const reduced = reduceGuildAll(undefined, histories.get(id) ?? [], OPTIONS) ?? {};
    const own = state.body(id) ?? {};
    if (isUnavailable(own)) expect(asSnapshot(reduced, { ownUserId: BOT_USER_ID })).toEqual(own);
    else expect(comparable(asSnapshot(reduced, { ownUserId: BOT_USER_ID }))).toEqual(comparable(own));
  }
});
