import { describe, expect, it } from 'vitest';
import { BucketQueue, type Queued } from '../../../src/rest/bucket-queue.ts';
import type { Priority } from '../../../src/rest/priority.ts';

interface Item extends Queued {
  hasLeft: boolean;
}

const LANE = {};
let numbers = 0;

function item(account: string, priority: Priority = 'normal', lane: object = LANE): Item {
  return { account, priority, bytes: 10, number: numbers++, lane, hasLeft: false };
}

function fill(...items: Item[]): BucketQueue<Item> {
  const queue = new BucketQueue<Item>();
  for (const one of items) queue.push(one);
  return queue;
}

function takeAll(queue: BucketQueue<Item>): Item[] {
  const taken: Item[] = [];
  for (let next = queue.peek(() => false); next; next = queue.peek(() => false)) {
    queue.take(next);
    taken.push(next);
  }
  return taken;
}

describe('the queue of a bucket', () => {
  it('lets the requests of an account go in the order in which they came', () => {
    const items = [item('a'), item('a'), item('a')];
    expect(takeAll(fill(...items))).toEqual(items);
  });

  it('lets accounts go in turn, however many requests one has', () => {
    const items = [item('a'), item('a'), item('a'), item('b'), item('c')];
    expect(takeAll(fill(...items)).map(({ account }) => account)).toEqual(['a', 'b', 'c', 'a', 'a']);
  });

  it('prefers the account that waits least elsewhere, but passes none over more than three times in a row', () => {
    const queue = fill(...Array.from({ length: 4 }, () => [item('busy'), item('idle')]).flat());
    const loadOf = ({ account }: Item) => (account === 'busy' ? 10 : 0);
    const order: string[] = [];
    const next = () => queue.peek(() => false, loadOf);
    for (let one = next(); one; one = next()) {
      queue.take(one);
      order.push(one.account);
    }
    expect(order).toEqual(['idle', 'idle', 'idle', 'busy', 'idle', 'busy', 'busy', 'busy']);
  });

  it('lets what a user waits for go first, but every ninth is one that is normal and every 33rd bulk', () => {
    const queue = fill(item('a', 'bulk'), item('a', 'normal'), item('a', 'normal'));
    for (let one = 0; one < 40; one++) queue.push(item('a', 'interaction'));
    const order = takeAll(queue).map(({ priority }) => priority);
    expect(order.indexOf('normal')).toBe(8);
    expect(order.lastIndexOf('normal')).toBe(17);
    expect(order.indexOf('bulk')).toBe(32);
  });

  it('passes over a lane that is held, and keeps the order of an account over its lanes', () => {
    const held = {};
    const items = [item('a', 'normal', held), item('a'), item('a', 'normal', held), item('a')];
    const queue = fill(...items);
    expect(queue.peek((lane) => lane === held)).toBe(items[1]);
    expect(takeAll(queue)).toEqual(items);
  });

  it('puts what is sent again before the others of its account', () => {
    const again = item('a');
    const queue = fill(item('a'), item('b'));
    queue.pushFirst(again);
    expect(queue.peek(() => false)).toBe(again);
  });

  it('forgets those who stop waiting, with their bytes', () => {
    const items = Array.from({ length: 1_000 }, () => item('a'));
    const queue = fill(...items);
    for (const one of items.slice(0, 999)) {
      one.hasLeft = true;
      queue.noteLeft(one);
    }
    expect(queue).toMatchObject({ count: 1, bytes: 10 });
    expect(takeAll(queue)).toEqual([items[999]]);
    expect(queue).toMatchObject({ count: 0, bytes: 0 });
  });

  it('tells how many certainly go before', () => {
    const queue = fill(item('a'), item('a'), item('b'), item('b'), item('b'), item('b'), item('c'));
    // Its own two, two of b, one of c.
    expect(queue.ahead('a', 'normal')).toBe(5);
    expect(queue.ahead('new', 'normal')).toBe(0);
  });

  it('gives a lane to another bucket, oldest first', () => {
    const lane = {};
    const items = [item('b', 'bulk', lane), item('a'), item('a', 'normal', lane)];
    const queue = fill(...items);
    expect(queue.drain(lane)).toEqual([items[0], items[2]]);
    expect(takeAll(queue)).toEqual([items[1]]);
  });
});
