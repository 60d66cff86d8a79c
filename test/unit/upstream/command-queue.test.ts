import { expect, it } from 'vitest';
import { CommandQueue } from '../../../src/upstream/command-queue.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const [SOMEONE, OTHER] = [Symbol('someone'), Symbol('other')];

function newQueue(maxQueued = 1_000) {
  const clock = new ManualClock(1_000);
  const queue = new CommandQueue({ maxQueued, clock });
  const sent: string[] = [];
  const send = (payload: string) => {
    sent.push(payload);
    return true;
  };
  return { clock, queue, sent, send };
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
}

it('waits until the shard is ready, then sends in order', () => {
  const { queue, sent, send } = newQueue();
  for (const n of numbers(1, 3)) expect(queue.submit(n, SOMEONE)).toBe('queued');
  expect(sent).toEqual([]);
  queue.open(send);
  queue.submit('4', SOMEONE);
  expect(sent).toEqual(numbers(1, 4));
  expect(queue.sent).toBe(4);
});

it('sends 110 in 60 s, the rest when there is room', () => {
  const { clock, queue, sent, send } = newQueue();
  queue.open(send);
  for (const n of numbers(1, 150)) queue.submit(n, SOMEONE);
  expect(sent).toHaveLength(110);
  clock.advance(59_999);
  expect(sent).toHaveLength(110);
  clock.advance(1);
  expect(sent).toEqual(numbers(1, 150));
});

it('never sends more than 110 in any 60 s, however they come', () => {
  const { clock, queue, send } = newQueue();
  const times: number[] = [];
  queue.open((payload) => {
    times.push(clock.now());
    return send(payload);
  });
  for (let step = 0; step < 2_000; step++) {
    for (let n = 0; n < (step * 7) % 5; n++) queue.submit('x', SOMEONE);
    clock.advance((step * 131) % 400);
  }
  clock.advance(3_600_000);
  expect(queue.length).toBe(0);
  for (let i = 110; i < times.length; i++) {
    expect((times[i] ?? 0) - (times[i - 110] ?? 0)).toBeGreaterThanOrEqual(60_000);
  }
});

it('a new connection begins a new window', () => {
  const { queue, sent, send } = newQueue();
  queue.open(send);
  for (const n of numbers(1, 150)) queue.submit(n, SOMEONE);
  queue.close();
  queue.resetWindow();
  queue.open(send);
  expect(sent).toEqual(numbers(1, 150));
});

it('refuses what it has no room for, and takes on when it has', () => {
  const { queue, sent, send } = newQueue(3);
  for (const n of numbers(1, 3)) queue.submit(n, SOMEONE);
  expect(queue.submit('4', SOMEONE)).toBe('full');
  expect([queue.length, queue.refused]).toEqual([3, 1]);
  queue.open(send);
  expect(queue.submit('5', SOMEONE)).toBe('queued');
  expect(sent).toEqual(['1', '2', '3', '5']);
});

it('keeps what a closing connection did not take for the next', () => {
  const { queue, sent, send } = newQueue();
  queue.open((payload) => sent.length < 2 && send(payload));
  for (const n of numbers(1, 4)) queue.submit(n, SOMEONE);
  expect(sent).toEqual(['1', '2']);
  queue.resetWindow();
  queue.open(send);
  expect(sent).toEqual(numbers(1, 4));
});

it('leaves no timer behind', () => {
  const { clock, queue, send } = newQueue();
  queue.open(send);
  for (const n of numbers(1, 150)) queue.submit(n, SOMEONE);
  expect(clock.pendingTimers).toBe(1);
  queue[Symbol.dispose]();
  expect([clock.pendingTimers, queue.length]).toEqual([0, 0]);
});

it('takes 120 waiting commands of one sender, and those of others beside them', () => {
  const { clock, queue, sent, send } = newQueue();
  for (const n of numbers(1, 120)) expect(queue.submit(n, SOMEONE)).toBe('queued');
  expect(queue.submit('121', SOMEONE)).toBe('sender-full');
  expect(queue.submit('of another', OTHER)).toBe('queued');
  expect([queue.length, queue.refused]).toEqual([121, 1]);
  queue.open(send);
  for (const n of numbers(122, 231)) expect(queue.submit(n, SOMEONE)).toBe('queued');
  expect(queue.submit('232', SOMEONE)).toBe('sender-full');
  clock.advance(120_000);
  expect(sent).toEqual([...numbers(1, 120), 'of another', ...numbers(122, 231)]);
});

it('takes nothing after its end, and counts what it had', () => {
  const { queue, sent, send } = newQueue();
  for (const n of numbers(1, 3)) queue.submit(n, SOMEONE);
  queue[Symbol.dispose]();
  expect(queue.submit('4', SOMEONE)).toBe('closed');
  queue.open(send);
  queue[Symbol.dispose]();
  expect([sent, queue.length, queue.dropped, queue.refused]).toEqual([[], 0, 3, 0]);
});

it('makes a late command when its turn comes, and says when it has left', () => {
  const { queue, sent, send } = newQueue();
  const left: boolean[] = [];
  let text: string | undefined = 'early';
  queue.submit({ payload: () => text, onLeft: (isSent) => left.push(isSent) }, SOMEONE);
  text = 'late';
  expect([sent, left]).toEqual([[], []]);
  queue.open(send);
  expect([sent, left]).toEqual([['late'], [true]]);
});

it('gives late commands back when it ends, the oldest first, and takes none of them again', () => {
  const { queue } = newQueue();
  const left: string[] = [];
  for (const name of ['first', 'second']) {
    const onLeft = (isSent: boolean) => {
      left.push(`${name} ${isSent} ${queue.submit(name, SOMEONE)}`);
    };
    queue.submit({ payload: () => name, onLeft }, SOMEONE);
  }
  queue[Symbol.dispose]();
  expect([left, queue.length]).toEqual([['first false closed', 'second false closed'], 0]);
});

it('leaves out a late command that nobody wants any more, at no cost to the window', () => {
  const { queue, sent, send } = newQueue();
  const left: boolean[] = [];
  for (let n = 0; n < 110; n++) {
    queue.submit({ payload: () => undefined, onLeft: (isSent) => left.push(isSent) }, SOMEONE);
  }
  for (const n of numbers(1, 110)) queue.submit(n, OTHER);
  queue.open(send);
  expect(left).toEqual(Array.from({ length: 110 }, () => false));
  expect(sent).toEqual(numbers(1, 110));
});

it('keeps the order, the window and one timer where leaving commands bring others', () => {
  const { clock, queue, sent, send } = newQueue();
  let brought = 0;
  const bring = (): void => {
    brought++;
    if (brought > 150) return;
    queue.submit({ payload: () => `late ${brought}`, onLeft: bring }, SOMEONE);
  };
  queue.open(send);
  bring();
  expect([sent.length, clock.pendingTimers]).toEqual([110, 1]);
  clock.advance(60_000);
  expect([sent.length, clock.pendingTimers]).toEqual([150, 0]);
});
