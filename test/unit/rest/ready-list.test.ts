import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../src/rest/priority.ts';
import { type Offer, ReadyList } from '../../../src/rest/ready-list.ts';

function offer(account: string, priority: Priority = 'normal'): Offer {
  return { account, priority, isOpen: true };
}

describe('buckets that wait for a wider limit', () => {
  it('go in turn by account, then in the order in which they came', () => {
    const list = new ReadyList<Offer>();
    const offers = [offer('a'), offer('a'), offer('b'), offer('a')];
    for (const one of offers) list.add(one);
    expect([list.take(), list.take(), list.take(), list.take(), list.take()]).toEqual([
      offers[0],
      offers[2],
      offers[1],
      offers[3],
      undefined,
    ]);
  });

  it('go by priority, and no class starves', () => {
    const list = new ReadyList<Offer>();
    list.add(offer('a', 'bulk'));
    for (let one = 0; one < 40; one++) list.add(offer('a', 'interaction'));
    const order = Array.from({ length: 41 }, () => list.take()?.priority);
    expect(order.indexOf('bulk')).toBe(32);
  });

  it('are passed over once they take their offer back', () => {
    const list = new ReadyList<Offer>();
    const offers = Array.from({ length: 1_000 }, () => offer('a'));
    for (const one of offers) {
      list.add(one);
      one.isOpen = false;
    }
    expect(list.isEmpty).toBe(true);
    expect(list.take()).toBeUndefined();
  });
});
