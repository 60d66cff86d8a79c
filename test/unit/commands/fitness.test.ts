import { expect, it } from 'vitest';
import { Fitness } from '../../../src/commands/gateway/fitness.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const UNFIT_AFTER_MS = 15_000;
const UNFIT_MS = 60_000;
const SESSION = { sessionId: '1', resumeUrl: 'ws://127.0.0.1/resume' };

/** A node whose shards are as a test says: connected, cut off, or without a session to RESUME. */
class Node {
  readonly clock = new ManualClock();
  shards: readonly ('connected' | 'cut off' | 'new')[] = [];
  readonly warnings: string[] = [];
  readonly fitness: Fitness;

  constructor(unfitAfterMs = UNFIT_AFTER_MS) {
    const note = (_fields: object, message: string) => void this.warnings.push(message);
    this.fitness = new Fitness({
      unfitAfterMs,
      clock: this.clock,
      log: { info: note, warn: note, debug: note },
      shards: () =>
        this.shards.map((kind) => ({
          session: kind === 'new' ? undefined : SESSION,
          upstream: { state: { kind: kind === 'connected' ? 'ready' : 'disconnected' } },
        })),
    });
  }

  /** Whether it is fit after a while in which it was asked again and again. */
  isFitAfter(ms: number): boolean {
    let isFit = this.fitness.isFit;
    for (let left = ms; left > 0; left -= 1_000) {
      this.clock.advance(Math.min(left, 1_000));
      isFit = this.fitness.isFit;
    }
    return isFit;
  }
}

it('a node is unfit for a minute when none of its shards was connected for long enough, and says so once', () => {
  const node = new Node();
  node.shards = ['cut off', 'cut off'];
  expect(node.isFitAfter(UNFIT_AFTER_MS - 1)).toBe(true);
  expect(node.isFitAfter(1)).toBe(false);
  expect(node.fitness.isUnfit).toBe(true);
  // It has handed them over.
  node.shards = [];
  expect(node.isFitAfter(UNFIT_MS - 1)).toBe(false);
  expect(node.warnings).toHaveLength(1);
  expect(node.isFitAfter(1)).toBe(true);
});

it.each([
  ['one of its shards is connected', ['cut off', 'connected']],
  ['its shards have no session yet: they wait for an IDENTIFY', ['new', 'new']],
  ['it has no shards', []],
] as const)('a node is fit when %s', (_, shards) => {
  const node = new Node();
  node.shards = shards;
  expect(node.isFitAfter(2 * UNFIT_AFTER_MS)).toBe(true);
});

it('a short cut does not count towards the next one', () => {
  const node = new Node();
  node.shards = ['cut off'];
  expect(node.isFitAfter(UNFIT_AFTER_MS - 1_000)).toBe(true);
  node.shards = ['connected'];
  expect(node.isFitAfter(1_000)).toBe(true);
  node.shards = ['cut off'];
  expect(node.isFitAfter(UNFIT_AFTER_MS - 1_000)).toBe(true);
});

it('a node that could hand nothing over is fit as soon as a shard of it is connected again', () => {
  const node = new Node();
  node.shards = ['cut off', 'cut off'];
  expect(node.isFitAfter(UNFIT_AFTER_MS)).toBe(false);
  node.shards = ['cut off', 'connected'];
  expect(node.fitness.isFit).toBe(true);
});

it('what it tells the others is whether it is connected, or cut off, or that it does not know', () => {
  const node = new Node();
  expect(node.fitness.reach).toBe('unknown');
  node.shards = ['cut off', 'connected'];
  expect(node.fitness.reach).toBe('connected');
  node.shards = ['cut off'];
  expect(node.fitness.reach).toBe('unknown');
  node.isFitAfter(UNFIT_AFTER_MS);
  expect(node.fitness.reach).toBe('cut-off');
});

it('0 switches it off', () => {
  const node = new Node(0);
  node.shards = ['cut off'];
  expect(node.isFitAfter(2 * UNFIT_AFTER_MS)).toBe(true);
});
