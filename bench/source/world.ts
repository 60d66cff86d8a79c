/**
 * Guilds for the fake Discord, and what happens in them: the simulator's mix of events of a busy bot, each of a guild and a member that
 * exist, and changing what comes after it. For measuring what guild state costs.
 */
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { eventKinds } from '../../src/simulator/payloads/event-kinds.ts';
import { GuildSet } from '../../src/simulator/payloads/guilds.ts';
import { createUsers } from '../../src/simulator/payloads/users.ts';
import { Random } from '../../src/simulator/random.ts';
import { ShardState } from '../../src/simulator/state/shard-state.ts';
import { type EventTemplate, templateOf } from '../events.ts';

/** As what a guild typically has. */
const SIZE = { channels: 30, roles: 20, members: 50 };

/** So that all members are in GUILD_CREATE. */
const LARGE_THRESHOLD = 250;

/** Each as often as its weight, so that picking one is a single draw. */
const MIX = eventKinds.flatMap(({ t, weight }) => Array.from({ length: weight }, () => t));

export class World {
  readonly #random = new Random(1);
  readonly #guilds: GuildSet;
  readonly #state: ShardState;

  constructor(guilds: number) {
    this.#guilds = new GuildSet(0, 1, guilds);
    const users = createUsers(new Random(1));
    this.#state = new ShardState({ shard: 0, seed: 1, guilds: this.#guilds, size: SIZE, users });
  }

  /** As READY lists them. */
  get unavailableGuilds(): object[] {
    return this.#guilds.all().map(({ id }) => ({ id, unavailable: true }));
  }

  /** `d` of each guild's GUILD_CREATE as JSON text. */
  bodies(): string[] {
    const bodies: string[] = [];
    const dispatch = (_: string, d: string) => bodies.push(d);
    const listener = { intents: ALL_INTENTS, largeThreshold: LARGE_THRESHOLD, dispatch };
    for (const guild of this.#guilds.all()) this.#state.introduce(guild, listener);
    return bodies;
  }

  /** The next events. */
  happen(count: number): EventTemplate[] {
    const events: EventTemplate[] = [];
    const dispatch = (t: string, d: string) => events.push(templateOf(t, d));
    const listener = { intents: ALL_INTENTS, largeThreshold: LARGE_THRESHOLD, dispatch };
    while (events.length < count) this.#state.happenNamed(this.#random.pick(MIX), listener);
    // Some things that happen make two events; what is cut off has happened all the same, and is told by none.
    return events.slice(0, count);
  }
}
