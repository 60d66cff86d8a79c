/** Requests that are long on their way to Discord are counted late, and must not be taken for early ones. */
import { describe, expect, it } from 'vitest';
import { AnswerTimes } from '../../../src/rest/answer-times.ts';
import { LocalGlobalBudget } from '../../../src/rest/global-budget.ts';
import { Random } from '../../../src/simulator/random.ts';
import { SlidingLimit } from '../../../src/simulator/rest/rules/sliding-limit.ts';

const MARGIN_MS = 50;
/** When `experienced` has all its places. */
const LATER = 200_000;

/** Each answer has come so long after its request. */
function experienced(tookMs: number): LocalGlobalBudget {
  const budget = new LocalGlobalBudget({ limit: 1, marginMs: MARGIN_MS });
  for (let atMs = 0; atMs < LATER - 10_000; atMs += 1_800) budget.take(atMs)?.answered(atMs + tookMs);
  return budget;
}

describe('a place of the global limit', () => {
  it('is kept for a second after an answer that comes unusually late, less the shortest way', () => {
    const budget = experienced(20);
    budget.take(LATER)?.answered(LATER + 300);
    expect(budget.nextAtMs(LATER + 300)).toBe(LATER + 1_285);
  });

  it('is kept for a second more while an answer is missing that has usually come', () => {
    const budget = experienced(20);
    const place = budget.take(LATER);
    expect(budget.nextAtMs(LATER)).toBe(LATER + 2_000);
    place?.answered(LATER + 1_500);
    expect(budget.nextAtMs(LATER + 1_500)).toBe(LATER + 2_485);
  });

  it('is kept for no longer where Discord always takes so long', () => {
    const budget = experienced(1_500);
    budget.take(LATER);
    expect(budget.nextAtMs(LATER)).toBe(LATER + 1_000 + MARGIN_MS);
  });

  it('is kept for a second after its answer until it is known how long answers take', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: MARGIN_MS });
    budget.take(0)?.answered(300);
    expect(budget.nextAtMs(300)).toBe(1_305);
  });
});

/** A minute at the limit; now and then the way to Discord is blocked for a while. Gives how many requests there were, and how many too many. */
function minuteWithStalls(limit: number, stallMs: number): { sent: number; over: number } {
  const random = new Random(3);
  const budget = new LocalGlobalBudget({ limit, marginMs: MARGIN_MS });
  const discord = new SlidingLimit(limit, 1_000);
  const arrivals: { atMs: number; answer: (nowMs: number) => void }[] = [];
  const counts = { sent: 0, over: 0 };
  let blockedUntilMs = 0;
  const answers: { atMs: number; answer: (nowMs: number) => void }[] = [];
  for (let nowMs = 0; nowMs < 60_000; nowMs++) {
    if (random.next() < 0.000_3) blockedUntilMs = nowMs + stallMs * random.next();
    for (const { answer } of due(answers, nowMs)) answer(nowMs);
    if (nowMs >= blockedUntilMs) {
      for (const { answer } of due(arrivals, nowMs)) {
        if (discord.take(nowMs) > 0) counts.over++;
        answers.push({ atMs: nowMs + 10 + 10 * random.next(), answer });
      }
    }
    for (let place = budget.take(nowMs); place; place = budget.take(nowMs)) {
      const taken = place;
      counts.sent++;
      arrivals.push({ atMs: nowMs + 1, answer: (atMs) => taken.answered(atMs) });
    }
  }
  return counts;
}

function due<Item extends { atMs: number }>(items: Item[], nowMs: number): Item[] {
  const now = items.filter(({ atMs }) => atMs <= nowMs);
  for (const item of now) items.splice(items.indexOf(item), 1);
  return now;
}

describe('the global limit', () => {
  it('is kept where requests are on their way for up to 400 ms now and then, at little cost', () => {
    const { sent, over } = minuteWithStalls(50, 400);
    expect(over).toBe(0);
    expect(sent).toBeGreaterThan(0.95 * 50 * 60);
  });
});

describe('the times of answers', () => {
  it('are known after a hundred, and some seconds', () => {
    const times = new AnswerTimes();
    for (let count = 0; count < 200; count++) times.add(20, 1_000);
    expect(times.areKnown).toBe(false);
    times.add(20, 4_000);
    expect(times.areKnown).toBe(true);
    const few = new AnswerTimes();
    for (let count = 0; count < 99; count++) few.add(20, count * 1_000);
    expect(few.areKnown).toBe(false);
    few.add(20, 99_000);
    expect(few.areKnown).toBe(true);
  });

  it('have a usual above nearly all of them', () => {
    const random = new Random(1);
    const times = new AnswerTimes();
    for (let count = 0; count < 1_000; count++) times.add(10 + 90 * random.next(), count * 10);
    expect(times.fastestMs).toBeLessThan(11);
    expect(times.usualMs).toBeGreaterThan(90);
    expect(times.usualMs).toBeLessThan(150);
  });

  it('are still unusual after many late ones in a row', () => {
    const times = new AnswerTimes();
    for (let count = 0; count < 1_000; count++) times.add(count % 2 === 0 ? 10 : 20, count * 10);
    for (let count = 0; count < 25; count++) times.add(300, 10_000);
    expect(times.usualMs).toBeLessThan(150);
  });
});
