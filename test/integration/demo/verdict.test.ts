import { describe, expect, test } from 'vitest';
import { QuietTimes } from '../../../bench/demo/quiet-times.ts';
import { problemsOf, verdictOf } from '../../../bench/demo/report.ts';
import { judgeShard, lastForWorkers } from '../../../bench/deployment/judge.ts';
import { ShardRecord } from '../../../bench/deployment/record.ts';
import type { SessionTruth, ShardTruth } from '../../../src/simulator/index.ts';

/** A session of `count` dispatches: READY first, sequence 1; each one's crc32 is its sequence plus `seed`. */
function session(count: number, seed = 1000): SessionTruth {
  const dispatches = Array.from({ length: count }, (_, index) => ({
    s: index + 1,
    t: index === 0 ? 'READY' : 'MESSAGE_CREATE',
    crc32: seed + index + 1,
    sentAtUs: index * 10,
  }));
  return { sessionId: `s${seed}`, startSequence: 1, dispatches };
}

const truthOf = (...sessions: SessionTruth[]): ShardTruth => ({ shard: 3, sessions });

function judge(truth: ShardTruth, sequences: readonly number[], crcOf = (s: number) => 1000 + s) {
  const record = new ShardRecord();
  record.ready(1);
  for (const s of sequences) record.dispatch(s, crcOf(s), s * 10 + 90);
  return judgeShard({
    truth,
    firstReadySequence: record.firstReadySequence,
    received: record,
    isQuiet: () => true,
    clockOffsetUs: 0,
  });
}

const clean = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0, examples: [] };

describe('the verdict on a shard', () => {
  test('finds nothing where all came once and in order', () => {
    expect(judge(truthOf(session(6)), [2, 3, 4, 5, 6])).toMatchObject({
      ...clean,
      dispatched: 5,
      delivered: 5,
    });
  });

  test('finds one that never came', () => {
    const verdict = judge(truthOf(session(6)), [2, 3, 5, 6]);
    expect(verdict).toMatchObject({
      ...clean,
      dispatched: 5,
      delivered: 4,
      lost: 1,
      examples: ['shard 3: lost 4'],
    });
  });

  test('finds the last one missing', () => {
    expect(judge(truthOf(session(6)), [2, 3, 4, 5])).toMatchObject({ dispatched: 5, delivered: 4, lost: 1 });
  });

  test('finds one that came twice', () => {
    const verdict = judge(truthOf(session(6)), [2, 3, 4, 3, 5, 6]);
    expect(verdict).toMatchObject({
      ...clean,
      delivered: 5,
      duplicated: 1,
      examples: ['shard 3: duplicated 3'],
    });
  });

  test('finds two that were swapped', () => {
    const verdict = judge(truthOf(session(6)), [2, 4, 3, 5, 6]);
    expect(verdict).toMatchObject({
      ...clean,
      delivered: 5,
      reordered: 1,
      examples: ['shard 3: reordered 3'],
    });
  });

  test('counts a corrupted one as lost', () => {
    const verdict = judge(truthOf(session(6)), [2, 3, 4, 5, 6], (s) => (s === 4 ? 7 : 1000 + s));
    expect(verdict).toMatchObject({
      dispatched: 5,
      delivered: 4,
      lost: 1,
      corrupted: 1,
      duplicated: 0,
      reordered: 0,
    });
  });

  test('counts one that Discord never sent, so that it can not hide', () => {
    expect(judge(truthOf(session(6)), [2, 3, 4, 5, 6, 7])).toMatchObject({
      delivered: 5,
      lost: 1,
      corrupted: 1,
    });
  });

  test('asks for nothing from before the first READY of a worker', () => {
    const record = new ShardRecord();
    record.ready(4);
    for (const s of [5, 6]) record.dispatch(s, 1000 + s, 0);
    const common = { truth: truthOf(session(6)), received: record, isQuiet: () => true, clockOffsetUs: 0 };
    expect(judgeShard({ ...common, firstReadySequence: 4 })).toMatchObject({
      ...clean,
      dispatched: 2,
      delivered: 2,
    });
    expect(judgeShard({ ...common, firstReadySequence: 5 })).toMatchObject({ reordered: 1 });
  });

  test('leaves out the READY and RESUMED of Discord', () => {
    const truth = truthOf(session(6));
    truth.sessions[0]!.dispatches[3]!.t = 'RESUMED';
    expect(judge(truth, [2, 3, 5, 6])).toMatchObject({ ...clean, dispatched: 4, delivered: 4 });
    truth.sessions[0]!.dispatches[5]!.t = 'RESUMED';
    expect(lastForWorkers(truth)).toBe(5);
  });

  test('follows into a second session of Discord, whose numbers begin again', () => {
    const truth = truthOf(session(4), session(3, 2000));
    const crcs = [1002, 1003, 1004, 2002, 2003];
    expect(judge(truth, [2, 3, 4, 2, 3], () => crcs.shift()!)).toMatchObject({
      ...clean,
      dispatched: 5,
      delivered: 5,
    });
  });

  test('measures hops over quiet times only, on one clock', () => {
    const record = new ShardRecord();
    record.ready(1);
    for (const s of [2, 3, 4]) record.dispatch(s, 1000 + s, s * 10 + 5);
    const quiet = new QuietTimes();
    quiet.begin(0);
    quiet.end(15);
    quiet.begin(25);
    const verdict = judgeShard({
      truth: truthOf(session(4)), // sent at 10, 20 and 30 of a clock that is 2 ahead
      firstReadySequence: 1,
      received: record,
      isQuiet: (sentAtUs) => quiet.includes(sentAtUs),
      clockOffsetUs: 2,
    });
    expect(verdict.hopsUs).toEqual([25 - 8, 45 - 28]);
  });
});

describe('the verdict on all shards', () => {
  const counted = {
    ...{ identifies: 2, violations: 0, invalidSessions: 0 },
    ...{ workerRestarts: 1, nodesAdded: 3, nodesDrained: 4, nodesKilled: 5 },
  };
  const good = judge(truthOf(session(6)), [2, 3, 4, 5, 6]);

  test('is a line with its fields in order', () => {
    const verdict = verdictOf([good, good], counted);
    expect(JSON.stringify(verdict)).toBe(
      '{"shards":2,"identifies":2,"violations":0,"dispatched":10,"delivered":10,"lost":0,"duplicated":0,"reordered":0,' +
        '"workerRestarts":1,"nodeRestarts":9,"hopP50Us":100,"hopP99Us":100,' +
        '"nodesAdded":3,"nodesDrained":4,"nodesKilled":5,"invalidSessions":0}',
    );
    expect(problemsOf(verdict)).toEqual([]);
  });

  test.each([
    ['a lost one', [good, judge(truthOf(session(6)), [2, 3, 4, 5])], counted],
    ['a doubled one', [good, judge(truthOf(session(6)), [2, 2, 3, 4, 5, 6])], counted],
    ['a swapped one', [good, judge(truthOf(session(6)), [3, 2, 4, 5, 6])], counted],
    ['a broken rule', [good, good], { ...counted, violations: 1 }],
    ['an IDENTIFY too many', [good, good], { ...counted, identifies: 3 }],
    ['a session that shardmux ended', [good, good], { ...counted, invalidSessions: 1 }],
  ])('is a failure with %s', (_what, shards, counts) => {
    expect(problemsOf(verdictOf(shards, counts))).toHaveLength(1);
  });
});

describe('the record of a shard', () => {
  test('says before the verdict what is missing, doubled and out of order', () => {
    const record = new ShardRecord();
    record.ready(10);
    for (const s of [11, 12, 15, 14, 15, 9_000]) record.dispatch(s, 0, 0);
    expect(record).toMatchObject({ head: 9_000, delivered: 5, duplicated: 1, reordered: 1, gaps: 8_990 - 5 });
  });

  test('knows behind which dispatch a connection ended, once', () => {
    const record = new ShardRecord();
    record.ready(1);
    for (const s of [2, 3]) record.dispatch(s, 0, 0);
    record.connectionEnded();
    record.connectionEnded();
    record.dispatch(4, 0, 0);
    record.connectionEnded();
    expect(record.connectionEnds).toEqual([2, 3]);
  });

  test('shows a gap between two sessions of a worker', () => {
    const record = new ShardRecord();
    record.ready(10);
    record.dispatch(11, 0, 0);
    record.ready(15);
    record.dispatch(16, 0, 0);
    expect(record.gaps).toBe(4);
  });
});
