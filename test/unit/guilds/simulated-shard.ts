/** The simulator's own guilds as the source of dispatches, and as what snapshots have to say in the end. */
import type { JsonObject } from '../../../src/guilds/index.ts';
import { eventTypeId } from '../../../src/protocol/event-types.ts';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { GuildSet } from '../../../src/simulator/payloads/guilds.ts';
import { BOT_USER_ID, createUsers } from '../../../src/simulator/payloads/users.ts';
import { Random } from '../../../src/simulator/random.ts';
import type { GuildSize } from '../../../src/simulator/state/first-state.ts';
import { ShardState } from '../../../src/simulator/state/shard-state.ts';

export const OPTIONS = { ownUserId: BOT_USER_ID, off: new Set<never>(), lastMessageIds: false };

const SMALL: GuildSize = { channels: 6, roles: 4, members: 8 };
const LARGE_THRESHOLD = 50;

export interface Dispatch {
  readonly sequence: number;
  readonly typeId: number;
  readonly payload: Buffer;
}

export function dispatchOf(sequence: number, t: string, d: unknown): Dispatch {
  const text = typeof d === 'string' ? d : JSON.stringify(d);
  const name = Buffer.from(t);
  const payload = Buffer.from(`{"t":"${t}","s":${sequence},"op":0,"d":${text}}`);
  return { sequence, typeId: eventTypeId(name, 0, name.length), payload };
}

export class SimulatedShard {
  readonly #set: GuildSet;
  readonly #state: ShardState;
  readonly #listener = {
    intents: ALL_INTENTS,
    largeThreshold: LARGE_THRESHOLD,
    dispatch: (t: string, d: string) => this.#dispatched(t, d),
  };
  readonly #onDispatch: (dispatch: Dispatch) => void;
  sequence = 1;

  constructor(seed: number, guilds: number, onDispatch: (dispatch: Dispatch) => void, size = SMALL) {
    this.#onDispatch = onDispatch;
    this.#set = new GuildSet(0, 1, guilds);
    const users = createUsers(new Random(seed));
    this.#state = new ShardState({ shard: 0, seed, guilds: this.#set, size, users });
  }

  /** As READY has it. */
  get readyGuilds(): JsonObject[] {
    return this.guildIds.map((id) => ({ id, unavailable: true }));
  }

  get guildIds(): string[] {
    return this.#set.all().map(({ id }) => id);
  }

  /** Sends each guild, as after READY. */
  introduce(): void {
    for (const guild of this.#set.all()) this.#state.introduce(guild, this.#listener);
  }

  happen(times = 1): void {
    for (let count = 0; count < times; count += 1) this.#state.happen(this.#listener);
  }

  happenNamed(name: string, guildId?: string): boolean {
    return this.#state.happenNamed(name, this.#listener, guildId);
  }

  /** Bodies by id, as of now, comparable. */
  truth(): Record<string, JsonObject> {
    const bodies = this.guildIds.map((id) => [id, comparable(this.#state.body(id) ?? {})]);
    return Object.fromEntries(bodies);
  }

  #dispatched(t: string, d: string): number {
    this.sequence += 1;
    this.#onDispatch(dispatchOf(this.sequence, t, d));
    return this.sequence;
  }
}

/** Without what the order of a list says, and without what the simulator tells in CHANNEL_INFO alone. */
export function comparable(guild: JsonObject): JsonObject {
  const channels = (guild['channels'] as JsonObject[] | undefined)?.map(
    ({ status: _, voice_start_time: __, ...rest }) => rest,
  );
  const all = Object.entries({ ...guild, ...(channels && { channels }) });
  return Object.fromEntries(all.map(([key, value]) => [key, sorted(value)]));
}

function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) => [sortKey(item), item]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

function sortKey(item: JsonObject): unknown {
  const user = item['user'] as JsonObject | undefined;
  return item['id'] ?? item['sound_id'] ?? item['user_id'] ?? user?.['id'];
}
