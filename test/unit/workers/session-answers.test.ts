/** How a session gets answers to its requests between the dispatches of the log. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type {
  Answer,
  AnswerPart,
  Asker,
  RequestStep,
  ShardRequests,
  Submission,
} from '../../../src/workers/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { guild, keepGuilds } from './guild-readings.ts';
import { FIRST_SEQUENCE, startTestGateway, type TestGateway, type TestShard } from './shards.ts';

/** Requests that a test answers by hand. */
class TestRequests implements ShardRequests {
  readonly asked: { readonly op: number; readonly asker: Asker }[] = [];
  readonly left: Asker[] = [];
  submission: Exclude<Submission, 'closed'> = 'queued';
  /** What `next` gives, one after the other. */
  readonly steps: RequestStep[] = [];

  ask({ op }: { readonly op: number }, asker: Asker) {
    if (this.submission === 'queued') this.asked.push({ op, asker });
    return this.submission;
  }

  next(): RequestStep {
    return this.steps.shift() ?? { kind: 'idle' };
  }

  leave(asker: Asker): void {
    this.left.push(asker);
  }
}

class TestAnswer implements Answer {
  readonly #parts: AnswerPart[];
  readonly #onNext: (left: number) => void;
  disposals = 0;

  constructor(texts: readonly string[], onNext: (left: number) => void = () => undefined) {
    this.#parts = texts.map((text) => ({ t: 'ANSWER', d: Buffer.from(JSON.stringify({ text })) }));
    this.#onNext = onNext;
  }

  next(): AnswerPart | undefined {
    const part = this.#parts.shift();
    if (part) this.#onNext(this.#parts.length);
    return part;
  }

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

const GUILD_ID = '1000000000000000';

let gateway: TestGateway;
let shard: TestShard;
let requests: TestRequests;

beforeEach(async () => {
  gateway = await startTestGateway();
  shard = gateway.shard;
  requests = new TestRequests();
  shard.requests = requests;
});

afterEach(() => gateway[Symbol.asyncDispose]());

function ask(worker: Worker): void {
  worker.send(43, { guild_id: GUILD_ID, fields: ['status'] });
}

/** Who has asked, once it has. */
async function asker(count = 1): Promise<Asker> {
  return eventually(() => requests.asked[count - 1]?.asker);
}

/** Numbers and texts, as they came. */
function received(worker: Worker): (string | null)[] {
  return worker.dispatches
    .filter(({ t }) => t !== 'READY')
    .map(({ t, s, d }) => (t === 'ANSWER' ? `${s} ${d.text}` : `${s} live`));
}

function reply(sequence: number, text: string) {
  return {
    sequence,
    parts: [`{"t":"ANSWER","s":${sequence},"op":0,"d":{"te`, `xt":"${text}"}}`].map((part) =>
      Buffer.from(part),
    ),
  };
}

test('requests are not commands, and presence and voice still are', async () => {
  const worker = await gateway.live();
  worker.send(8, { guild_id: GUILD_ID, query: '', limit: 0 });
  worker.send(31, { guild_ids: [GUILD_ID] });
  ask(worker);
  worker.send(3, { status: 'idle' });
  await eventually(() => shard.submitted.length === 1);
  expect(requests.asked.map(({ op }) => op)).toEqual([8, 31, 43]);
});

test('an answer has the number of the dispatch before it, and what happens meanwhile follows it', async () => {
  shard.dispatch(3);
  const worker = await gateway.live();
  const other = await gateway.live();
  shard.dispatch();
  const head = FIRST_SEQUENCE + 4;
  const answer = new TestAnswer(['a', 'b', 'c'], (left) => {
    if (left > 0) shard.dispatch();
  });
  requests.steps.push({ kind: 'again' }, { kind: 'answer', answer });
  ask(worker);
  await worker.reached(head + 2);
  expect(received(worker)).toEqual([
    `${head} live`,
    `${head} a`,
    `${head} b`,
    `${head} c`,
    `${head + 1} live`,
    `${head + 2} live`,
  ]);
  await other.reached(head + 2);
  expect(received(other)).toEqual([`${head} live`, `${head + 1} live`, `${head + 2} live`]);
  expect(answer.disposals).toBe(1);
});

test('an answer is begun when the session has all of the log', async () => {
  const worker = await gateway.live();
  shard.dispatch(60, 'x'.repeat(10_000));
  const answer = new TestAnswer(['a']);
  requests.steps.push({ kind: 'answer', answer });
  ask(worker);
  await eventually(() => received(worker).includes(`${FIRST_SEQUENCE + 60} a`));
  expect(received(worker)).toHaveLength(61);
});

test("Discord's answers come at their place in the log, whatever has come behind them", async () => {
  const worker = await gateway.live();
  ask(worker);
  const to = await asker();
  shard.dispatch();
  const at = shard.log.head + 1;
  to.reply(reply(at, 'first'));
  shard.log.skip(at);
  to.reply(reply(at + 1, 'second'));
  shard.log.skip(at + 1);
  shard.dispatch();
  await worker.reached(at + 2);
  expect(received(worker)).toEqual([`${at - 1} live`, `${at} first`, `${at + 1} second`, `${at + 2} live`]);
});

test('answers of memory and of Discord do not overtake each other', async () => {
  const worker = await gateway.live();
  ask(worker);
  const to = await asker();
  const at = shard.log.head + 1;
  const answer = new TestAnswer(['memory', 'memory'], (left) => {
    if (left === 0) return;
    to.reply(reply(at, 'Discord'));
    shard.log.skip(at);
  });
  requests.steps.push({ kind: 'answer', answer });
  to.wake();
  await eventually(() => received(worker).length === 3);
  requests.steps.push({ kind: 'answer', answer: new TestAnswer(['again']) });
  to.wake();
  await eventually(() => received(worker).length === 4);
  expect(received(worker)).toEqual([`${at - 1} memory`, `${at - 1} memory`, `${at} Discord`, `${at} again`]);
});

test('a voice server from memory has the number before it also behind an answer, and does not come amid one', async () => {
  let tell = (_d: string): boolean => false;
  const ignore = () => undefined;
  shard.voice = {
    connect(_tag, { onVoiceServer }) {
      tell = onVoiceServer;
      return { end: ignore, [Symbol.dispose]: ignore };
    },
    commanded: ignore,
    end: ignore,
  };
  const worker = await gateway.live();
  ask(worker);
  const to = await asker();
  const at = shard.log.head + 1;
  to.reply(reply(at, 'Discord'));
  shard.log.skip(at);
  const amid = [tell('{}')];
  await eventually(() => received(worker).length === 1);
  const answer = new TestAnswer(['a', 'b'], () => amid.push(tell('{}')));
  requests.steps.push({ kind: 'answer', answer });
  to.wake();
  await eventually(() => answer.disposals === 1);
  expect([amid, tell('{}')]).toEqual([[false, false, false], true]);
  await eventually(() => worker.dispatches.at(-1)?.t === 'VOICE_SERVER_UPDATE');
  expect(worker.dispatches.slice(1).map(({ s }) => s)).toEqual([at, at, at, at]);
});

test('requests of a session that is still being sent its guilds are looked at when it is live', async () => {
  shard.dispatch(9);
  keepGuilds(shard, [guild(11), guild(12)], (given) => {
    if (given === 1) requests.steps.push({ kind: 'answer', answer: new TestAnswer(['a']) });
  });
  const worker = await gateway.connect();
  worker.identify();
  ask(worker);
  await eventually(() => received(worker).length === 3);
  expect(worker.dispatches.map(({ t }) => t)).toEqual(['READY', 'GUILD_CREATE', 'GUILD_CREATE', 'ANSWER']);
});

test('an answer stops at a worker that does not read, goes on when it does, and delays nobody else', async () => {
  const [slow, other] = [await gateway.live(), await gateway.live()];
  let made = 0;
  const texts = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat(100_000)}`);
  requests.steps.push({ kind: 'answer', answer: new TestAnswer(texts, () => made++) });
  slow.pause();
  ask(slow);
  await eventually(() => made > 0);
  const live = shard.dispatch(3);
  await other.reached(shard.log.head);
  expect(received(other)).toHaveLength(live.length);
  expect(made).toBeLessThan(texts.length);
  slow.unpause();
  await slow.reached(shard.log.head);
  expect(received(slow)).toEqual([...texts.map((text) => `${FIRST_SEQUENCE} ${text}`), ...received(other)]);
});

test("a worker is closed with 4008 when more of Discord's answers wait for it than may", async () => {
  const worker = await gateway.live();
  ask(worker);
  const to = await asker();
  worker.pause();
  const part = Buffer.alloc(1024 * 1024, ' ');
  for (let index = 0; index < 60; index++) {
    const { sequence, parts } = reply(shard.log.head + 1, 'x');
    to.reply({ sequence, parts: [...parts, part] });
    shard.log.skip(sequence);
  }
  worker.unpause();
  expect(await worker.closed()).toBe(4008);
  expect(requests.left).toEqual([to]);
});

test('a session that ends takes its requests and its answer with it', async () => {
  const worker = await gateway.live();
  const answer = new TestAnswer(Array.from({ length: 400 }, () => 'x'.repeat(100_000)));
  requests.steps.push({ kind: 'answer', answer });
  worker.pause();
  ask(worker);
  const to = await asker();
  worker[Symbol.dispose]();
  await eventually(() => answer.disposals === 1);
  expect(requests.left).toEqual([to]);
});

test.each([
  ['full', 1013],
  ['sender-full', 4008],
] as const)('a request for which there is no room (%s) closes with %i, as a command does', async (submission, code) => {
  requests.submission = submission;
  const worker = await gateway.live();
  ask(worker);
  expect(await worker.closed()).toBe(code);
});
