/** Dispatches applied to a guild's text, against all of it parsed and written anew. */
import { describe, expect, it } from 'vitest';
import {
  asSnapshot,
  type GuildDispatch,
  type JsonObject,
  reduceGuildAll,
} from '../../../src/guilds/index.ts';
import { applyDispatch } from '../../../src/guilds/reducer.ts';
import { TextDraft } from '../../../src/guilds/text-draft.ts';
import { layoutOf, listsIn } from '../../../src/guilds/text-layout.ts';
import { NotByTextError } from '../../../src/guilds/text-list.ts';
import { TextWriter, type WrittenText } from '../../../src/guilds/text-writer.ts';
import { Random } from '../../../src/simulator/random.ts';
import { BOT_ID, channel, GUILD_ID, guild, member, OPTIONS } from './guild.ts';
import { randomHistory } from './random-history.ts';

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);
const EVENTS_EACH = 150;

/** What makes another guild of it has no place among what is pending. */
const OTHER_GUILD: ReadonlySet<string> = new Set(['GUILD_CREATE', 'GUILD_DELETE']);

function snapshotText(body: JsonObject = guild()): string {
  return JSON.stringify(asSnapshot(body, { ownUserId: BOT_ID }));
}

function merged(text: string, dispatches: readonly GuildDispatch[], maxSearches?: number): WrittenText {
  const bytes = Buffer.from(text);
  const layout = layoutOf(bytes);
  if (!layout) throw new Error('no layout');
  const draft = new TextDraft(bytes, layout, OPTIONS, maxSearches);
  for (const dispatch of dispatches) applyDispatch(draft, dispatch);
  return draft.finish(new TextWriter());
}

function parsedAndWritten(text: string, dispatches: readonly GuildDispatch[]): string {
  return JSON.stringify(reduceGuildAll(JSON.parse(text), dispatches, OPTIONS));
}

function dispatch(t: string, d: JsonObject): GuildDispatch {
  return { t, d: { guild_id: GUILD_ID, ...d } };
}

describe('a guild whose text is merged', () => {
  it.each(SEEDS)('is what parsing and writing all of it gives (seed %i)', (seed) => {
    const random = new Random(seed);
    const history = randomHistory(random, EVENTS_EACH).filter(({ t }) => !OTHER_GUILD.has(t));
    let text = snapshotText();
    for (let at = 0; at < history.length; ) {
      const some = history.slice(at, at + 1 + random.below(12));
      at += some.length;
      const expected = snapshotText(JSON.parse(parsedAndWritten(text, some)));
      const written = merged(text, some, random.next() < 0.5 ? 0 : undefined);
      expect(written.text.toString()).toBe(expected);
      expect(written.layout).toEqual(layoutOf(written.text));
      text = expected;
    }
  });

  it('counts no fewer members than it has', () => {
    const text = snapshotText(guild({ member_count: 1, members: [member(BOT_ID)] }));
    const events = [dispatch('GUILD_MEMBER_UPDATE', member('77'))];
    const written = merged(text, events).text.toString();
    expect(JSON.parse(written)).toMatchObject({ member_count: 2 });
    expect(written).toBe(snapshotText(JSON.parse(parsedAndWritten(text, events))));
  });

  it('has to be parsed where two elements have the id that changes', () => {
    const text = snapshotText(guild({ channels: [channel('10'), channel('10', { name: 'again' })] }));
    expect(() => merged(text, [dispatch('CHANNEL_UPDATE', channel('10', { name: 'new' }))])).toThrow(
      NotByTextError,
    );
  });

  it('keeps an element that only speaks of the id that changes', () => {
    const text = snapshotText(guild({ channels: [channel('10', { odd: { id: '11' } }), channel('11')] }));
    const events = [dispatch('CHANNEL_UPDATE', channel('11', { name: 'new' }))];
    expect(merged(text, events).text.toString()).toBe(parsedAndWritten(text, events));
  });
});

describe('a guild that is written in another way than ours', () => {
  it('keeps names in escapes, line separators and lone surrogates', () => {
    const name = 'caf\\u00e9 \u2028 \\ud83d \\/ \\"id\\":\\"11\\"';
    const text = snapshotText(guild({ channels: [channel('10', { name: 'NAME' }), channel('11')] })).replace(
      'NAME',
      name,
    );
    const events = [dispatch('CHANNEL_UPDATE', channel('11', { name: 'new' }))];
    const written = merged(text, events).text.toString();
    expect(written).toContain(name);
    expect(JSON.parse(written)).toEqual(JSON.parse(parsedAndWritten(text, events)));
  });

  it('keeps numbers that no double has, where nothing else of their element changes', () => {
    const text = snapshotText(guild({ channels: [channel('10', { odd: 1 }), channel('11')] })).replace(
      '"odd":1',
      '"odd":9007199254740993',
    );
    const events = [dispatch('CHANNEL_UPDATE', channel('11', { name: 'new' }))];
    expect(merged(text, events).text.toString()).toContain('"odd":9007199254740993');
  });
});

describe('the layout of a guild', () => {
  const layoutOfText = (text: string) => layoutOf(Buffer.from(text));

  it('tells where its lists and their elements are', () => {
    const text = '{"id":"1","roles":[{"id":"2"},{"id":"[\\"3"}],"x":[[]],"emojis":[]}';
    const places = listsIn(layoutOfText(text) ?? new Uint16Array());
    expect(places.map(({ key, start, end }) => [key, text.slice(start, end)])).toEqual([
      ['roles', '{"id":"2"},{"id":"[\\"3"}'],
      ['emojis', ''],
    ]);
    const [roles] = places;
    const elements = roles?.starts.map((start, index) =>
      text.slice(start, start + (roles.lengths[index] ?? 0)),
    );
    expect(elements).toEqual(['{"id":"2"}', '{"id":"[\\"3"}']);
  });

  it('is there also of more elements than a unit can count', () => {
    const count = 70_000;
    const text = `{"roles":[${Array(count).fill('{}').join()}],"emojis":[1]}`;
    const places = listsIn(layoutOfText(text) ?? new Uint16Array());
    expect(places.map(({ key, starts, end }) => [key, starts.length, text[end]])).toEqual([
      ['roles', count, ']'],
      ['emojis', 1, ']'],
    ]);
  });

  it.each([
    ['with spaces', '{"id": "1"}'],
    ['with spaces in a list', '{"roles":[ {"id":"1"}]}'],
    ['with spaces behind it', '{"id":"1"} '],
    ['with a key twice', '{"roles":[],"roles":[]}'],
    ['with a key that is written in another way', '{"r\\u006fles":[]}'],
    ['with an id that is written in another way', '{"roles":[{"id":"\\u0031"}]}'],
    ['with a key of an element that is written in another way', '{"roles":[{"\\u0069d":"1"}]}'],
    ['with a key with an escaped underscore', '{"voice_states":[{"user\\u005Fid":"1"}]}'],
    ['that is cut off', '{"roles":[{"id":"1"}'],
    ['that is no object', '[]'],
    ['with an element that is too large to be noted', `{"roles":["${'-'.repeat(70_000)}"]}`],
  ])('there is none of a text %s', (_, text) => {
    expect(layoutOfText(text)).toBeUndefined();
  });
});
