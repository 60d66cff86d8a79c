import { describe, expect, it } from 'vitest';
import { type News, Newsroom } from '../../../../src/rest/shares/news.ts';
import type { ShareDraft } from '../../../../src/rest/shares/part.ts';
import type { ShareReply } from '../../../../src/rest/shares/ports.ts';

const REPLY: ShareReply = { wasLive: true, size: 10, nodes: 2, wishes: [], grants: [], notes: [] };

function newNewsroom() {
  const time = { nowMs: 0 };
  const heard: News[] = [];
  const newsroom = new Newsroom({
    nowMs: () => time.nowMs,
    onNews: (news) => heard.push(news),
    onNeed: () => undefined,
  });
  const tell = (nowMs: number): ShareDraft => {
    const draft: ShareDraft = {};
    newsroom.tell(draft, nowMs);
    return draft;
  };
  return {
    ...{ newsroom, time, heard, tell },
    hear: (change: Partial<ShareReply>, told: ShareDraft = {}) =>
      newsroom.hear({ ...REPLY, ...change }, told, 0, 0),
  };
}

const newsIn = ({ notes = [] }: ShareDraft): unknown[] => notes.map((text) => JSON.parse(text) as unknown);

describe('news', () => {
  it('is said until it has been heard', () => {
    const { newsroom, tell, hear } = newNewsroom();
    newsroom.say({ globalMs: 1_000 });
    expect(newsIn(tell(0))).toEqual([{ globalMs: 1_000 }]);
    const told = tell(0);
    newsroom.say({ refusedToken: 'digest' });
    hear({}, told);
    expect(newsIn(tell(0))).toEqual([{ refusedToken: 'digest' }]);
  });

  it('that could not be said for a while is of what is left, and not said when it is over', () => {
    const { newsroom, time, tell } = newNewsroom();
    newsroom.say({ globalMs: 2_000 });
    newsroom.say({ blockedMs: 60_000 });
    newsroom.say({ refusedToken: 'digest' });
    time.nowMs = 1_500;
    newsroom.say({ globalMs: 2_000 });
    expect(newsIn(tell(2_000))).toEqual([
      { blockedMs: 58_000 },
      { refusedToken: 'digest' },
      { globalMs: 1_500 },
    ]);
  });

  it('of invalid requests goes together, by account', () => {
    const { newsroom, tell, hear } = newNewsroom();
    for (const account of ['a', 'b', 'a']) newsroom.countInvalid(account);
    expect(newsIn(tell(0))).toEqual([{ invalid: { a: 2, b: 1 } }]);
    newsroom.countInvalid('b');
    const told = tell(10);
    expect(newsIn(told)).toEqual([{ invalid: { a: 2, b: 2 } }]);
    hear({}, told);
    expect(newsroom.isWaiting).toBe(false);
  });

  it('that can not be read is passed over', () => {
    const { heard, hear } = newNewsroom();
    const texts = ['nonsense', '{"globalMs":-1}', '{"globalMs":5,"other":true}'];
    hear({ notes: texts.map((text, at) => ({ id: String(at), from: 'other', ageMs: 0, text })) });
    expect(heard).toEqual([{ globalMs: 5 }]);
  });
});
