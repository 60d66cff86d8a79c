/** The reducer against a plain model, over random histories. */
import { describe, expect, it } from 'vitest';
import {
  GUILD_KINDS,
  type GuildDispatch,
  type JsonObject,
  reduceGuild,
  reduceGuildAll,
  relevantEventTypes,
  stripGuild,
} from '../../../src/guilds/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { guild, OPTIONS, withoutKinds } from './guild.ts';
import { NaiveGuild } from './naive-guild.ts';
import { garbled, randomHistory } from './random-history.ts';

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);
const EVENTS_EACH = 150;

/** A change of it throws: what the reducer is given stays as it is. */
function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

function stepByStep(
  start: JsonObject | undefined,
  history: readonly GuildDispatch[],
  options = OPTIONS,
): JsonObject | undefined {
  return history.reduce<JsonObject | undefined>(
    (current, { t, d }) => reduceGuild(current, t, d, options),
    start,
  );
}

describe('over random histories', () => {
  it.each(SEEDS)('the guild is at each event what a plain model says (seed %i)', (seed) => {
    const random = new Random(seed);
    const start = random.next() < 0.1 ? undefined : frozen(guild());
    const model = new NaiveGuild(start);
    let current = start;
    for (const { t, d } of frozen(randomHistory(random, EVENTS_EACH))) {
      model.apply(t, d);
      current = reduceGuild(current, t, d, OPTIONS);
      expect(withEmptyLists(current), t).toEqual(withEmptyLists(model.guild));
    }
  });

  it.each(SEEDS)('all dispatches at once come to the same as in parts and one by one (seed %i)', (seed) => {
    const random = new Random(seed);
    const history = frozen(randomHistory(random, EVENTS_EACH));
    const split = random.below(EVENTS_EACH);
    const inParts = reduceGuildAll(
      reduceGuildAll(guild(), history.slice(0, split), OPTIONS),
      history.slice(split),
      OPTIONS,
    );
    expect(reduceGuildAll(frozen(guild()), history, OPTIONS)).toEqual(inParts);
    expect(inParts).toEqual(stepByStep(guild(), history));
  });

  it.each(SEEDS)('kinds that are off are what is left out of all that is known (seed %i)', (seed) => {
    const random = new Random(seed);
    const off = GUILD_KINDS.filter(() => random.next() < 0.4);
    const options = withoutKinds(...off);
    const history = frozen(randomHistory(random, EVENTS_EACH));
    const all = stepByStep(guild(), history);
    const reduced = stepByStep(stripGuild(guild(), options), history, options);
    // Who is not known can't be told from who is new; and news of users comes with presences.
    const ignored = ['member_count', ...(options.off.has('presences') ? ['members'] : [])];
    expect(comparable(reduced, ignored)).toEqual(comparable(all && stripGuild(all, options), ignored));
  });

  it.each(SEEDS)('only relevant types are needed (seed %i)', (seed) => {
    const random = new Random(seed);
    const options = withoutKinds(...GUILD_KINDS.filter(() => random.next() < 0.6));
    const history = frozen(randomHistory(random, EVENTS_EACH));
    const relevant = relevantEventTypes(options);
    const needed = history.filter(({ t }) => relevant.has(t));
    expect(needed.length).toBeLessThan(history.length);
    expect(reduceGuildAll(guild(), needed, options)).toEqual(reduceGuildAll(guild(), history, options));
  });

  it.each(SEEDS)('malformed dispatches never throw, and lists stay lists (seed %i)', (seed) => {
    const random = new Random(seed);
    let current: JsonObject | undefined = guild();
    for (const { t, d } of randomHistory(random, EVENTS_EACH)) {
      // A GUILD_CREATE is taken as it is.
      if (t === 'GUILD_CREATE' || t === 'GUILD_DELETE') continue;
      current = reduceGuild(current, t, frozen(garbled(random, d)), OPTIONS);
      for (const [key, value] of Object.entries(guild())) {
        if (Array.isArray(value) && key !== 'features')
          expect(current?.[key], `${t} ${key}`).toBeInstanceOf(Array);
      }
    }
  });
});

/** The model makes a list where it looks for one. */
function withEmptyLists(current: JsonObject | undefined): JsonObject | undefined {
  if (current === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(current).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  );
}

function comparable(current: JsonObject | undefined, ignored: readonly string[]): JsonObject | undefined {
  const kept = withEmptyLists(current);
  return kept && Object.fromEntries(Object.entries(kept).filter(([key]) => !ignored.includes(key)));
}
