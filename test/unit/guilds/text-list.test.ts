import { describe, expect, it } from 'vitest';
import { layoutOf, listsIn } from '../../../src/guilds/text-layout.ts';
import { NotByTextError, TextList } from '../../../src/guilds/text-list.ts';

function member(id: number, nick: string | null = null) {
  return { user: { id: String(id) }, nick };
}

const COUNT = 100;
const MEMBERS = Array.from({ length: COUNT }, (_, index) => member(index));

function listOf(members: readonly object[]): TextList {
  const text = Buffer.from(JSON.stringify({ members }));
  return new TextList(text, listsIn(layoutOf(text)!)[0]!);
}

describe('a list of which many elements are touched', () => {
  it('finds each of them, and none that is not there', () => {
    const list = listOf(MEMBERS);
    for (const expected of MEMBERS) expect(list.get(expected.user.id)).toEqual(expected);
    expect(list.get(String(COUNT))).toBeUndefined();
  });

  it('keeps what was changed, taken out and added before', () => {
    const list = listOf(MEMBERS);
    list.set('3', member(3, 'changed'));
    list.delete('4');
    list.set(String(COUNT), member(COUNT, 'added'));
    for (let id = 0; id <= COUNT; id++) list.get(String(id));
    list.set('5', member(5, 'late'));
    expect([list.get('3'), list.get('4'), list.get('5')]).toEqual([
      member(3, 'changed'),
      undefined,
      member(5, 'late'),
    ]);
    expect([list.size, list.addedTexts()]).toEqual([COUNT, [JSON.stringify(member(COUNT, 'added'))]]);
  });

  it('is not worked on by text where two have one id', () => {
    const list = listOf([...MEMBERS, member(50)]);
    expect(() => {
      for (let id = 0; id < 40; id++) list.get(String(id));
    }).toThrow(NotByTextError);
  });
});
