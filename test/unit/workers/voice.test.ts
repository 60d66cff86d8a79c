/** What a worker's session tells of itself, as far as the bot's voice needs it, and what is for one session alone. */
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { TestNodes } from './nodes.ts';
import { FIRST_SEQUENCE, startTestGateway, type TestGateway, type TestShard } from './shards.ts';

const GUILD = '900000000000000000';
const JOIN = { guild_id: GUILD, channel_id: '800000000000000000', self_mute: false, self_deaf: false };
const SERVER = '{"token":"secret","guild_id":"900000000000000000","endpoint":"a:443"}';

/** Notes what it is told, by sessions that it names in the order of their coming. */
function listen(shard: TestShard) {
  const notes: string[] = [];
  const tags: string[] = [];
  const listeners = new Map<string, (d: string) => boolean>();
  const nameOf = (tag: string) => {
    if (!tags.includes(tag)) tags.push(tag);
    return 'ABC'[tags.indexOf(tag)] ?? '?';
  };
  shard.voice = {
    connect(tag, { onVoiceServer }) {
      const name = nameOf(tag);
      notes.push(`${name} connects`);
      listeners.set(name, onVoiceServer);
      const end = () => void notes.push(`${name} ends`);
      return { end, [Symbol.dispose]: () => void notes.push(`${name} disconnects`) };
    },
    commanded: ({ tag, startSequence }, { guild_id, channel_id }) =>
      void notes.push(`${nameOf(tag ?? '')} from ${startSequence}: ${guild_id} ${channel_id}`),
    end: (tag) => void notes.push(`${nameOf(tag)} ends`),
  };
  return { notes, tags, tell: (name: string, d: string) => listeners.get(name)?.(d) };
}

let gateway: TestGateway;

afterEach(() => gateway[Symbol.asyncDispose]());

async function start() {
  gateway = await startTestGateway();
  return listen(gateway.shard);
}

/** Resolves when nobody is connected. */
const gone = () => eventually(() => gateway.server.connections.size === 0);

test('every session has a name of its own, and keeps it over RESUMEs', async () => {
  const { notes } = await start();
  const first = await gateway.live();
  await gateway.live();
  first.socket.terminate();
  await eventually(() => notes.includes('A disconnects'));
  const again = await gateway.connect();
  again.resume({ sessionId: first.sessionId, seq: FIRST_SEQUENCE });
  await again.next('RESUMED');
  expect(notes).toEqual(['A connects', 'B connects', 'A disconnects', 'A connects']);
});

test('op 4 is told when Discord is handed it, not before; other commands are not', async () => {
  const { notes } = await start();
  gateway.shard.dispatch(4);
  const worker = await gateway.live();
  worker.send(4, JOIN);
  worker.send(3, { status: 'idle' });
  await eventually(() => gateway.shard.submitted.length === 2);
  expect([notes, gateway.shard.unsent.length]).toEqual([['A connects'], 1]);
  gateway.shard.unsent[0]?.();
  expect(notes.slice(1)).toEqual([`A from ${FIRST_SEQUENCE + 4}: ${GUILD} ${JOIN.channel_id}`]);
});

test.each([1000, 1001])('a worker that closes with %i has ended its session', async (code) => {
  const { notes } = await start();
  const worker = await gateway.live();
  worker.socket.close(code);
  await gone();
  expect(notes).toEqual(['A connects', 'A ends', 'A disconnects']);
});

test.each([4000, 4200, undefined])('a worker that closes with %s may come back', async (code) => {
  const { notes } = await start();
  const worker = await gateway.live();
  if (code === undefined) worker.socket.terminate();
  else worker.socket.close(code);
  await gone();
  expect(notes).toEqual(['A connects', 'A disconnects']);
});

test('a worker that we have closed, or asked to leave, may come back, whatever code it answers with', async () => {
  const { notes } = await start();
  const [closed, asked] = [await gateway.live(), await gateway.live()];
  closed.send(4, { no: 'voice state' });
  await closed.closed();
  for (const connection of gateway.server.connections) connection.drain();
  await asked.next(7);
  asked.socket.close(1000);
  await gone();
  expect(notes.filter((note) => note.endsWith('ends'))).toEqual([]);
});

test('INVALID_SESSION ends a session', async () => {
  const { notes } = await start();
  const worker = await gateway.live();
  gateway.shard.begin('second');
  await worker.next(9);
  expect(notes).toEqual(['A connects', 'A ends', 'A disconnects']);
});

test('a RESUME that is refused ends the session, unless it is another account’s', async () => {
  const tokens = [
    { name: 'first', token: 'token-of-the-first-account' },
    { name: 'second', token: 'token-of-the-second-account' },
  ] as const;
  gateway = await startTestGateway({ tokens });
  const { notes } = listen(gateway.shard);
  gateway.shard.dispatch(3);
  const worker = await gateway.live();
  for (const { token } of tokens.toReversed()) {
    const before = notes.length;
    const other = await gateway.connect();
    other.resume({ sessionId: worker.sessionId, seq: 1, token });
    await other.next(9);
    expect(notes.slice(before)).toEqual(token === tokens[0].token ? ['A ends'] : []);
  }
});

test('what is for one session reaches it live and in its replay, and no other', async () => {
  const { tags } = await start();
  const [a, b] = [await gateway.live(), await gateway.live()];
  const [tag = ''] = tags;
  const all = gateway.shard.dispatch();
  const own = gateway.shard.dispatch(2, 'own', tag);
  const rest = gateway.shard.dispatch();
  await Promise.all([a, b].map((worker) => worker.reached(FIRST_SEQUENCE + 4)));
  const textsOf = (worker: typeof a) =>
    worker.dispatches.filter(({ t }) => t === 'TYPING_START').map(({ text }) => text);
  expect([textsOf(a), textsOf(b)]).toEqual([
    [...all, ...own, ...rest],
    [...all, ...rest],
  ]);
  for (const [worker, texts] of [
    [a, [...own, ...rest]],
    [b, rest],
  ] as const) {
    const again = await gateway.connect();
    again.resume({ sessionId: worker.sessionId, seq: FIRST_SEQUENCE + 1 });
    const { s } = await again.next('RESUMED');
    expect([textsOf(again), s]).toEqual([texts, FIRST_SEQUENCE + 4]);
  }
});

test('a server from memory has the number of the dispatch before it', async () => {
  const { tell } = await start();
  const worker = await gateway.live();
  gateway.shard.dispatch(3);
  await worker.reached(FIRST_SEQUENCE + 3);
  expect(tell('A', SERVER)).toBe(true);
  gateway.shard.dispatch();
  await worker.reached(FIRST_SEQUENCE + 4);
  expect(worker.dispatches.at(-2)?.text).toBe(
    `{"t":"VOICE_SERVER_UPDATE","s":${FIRST_SEQUENCE + 3},"op":0,"d":${SERVER}}`,
  );
});

test('a server from memory is not taken by a session that has yet to be sent what was before', async () => {
  const { tell } = await start();
  const worker = await gateway.live();
  worker.pause();
  for (let round = 0; round < 20; round++) {
    gateway.shard.dispatch(20, 'x'.repeat(2_000));
    await new Promise(setImmediate);
  }
  await eventually(() => {
    gateway.shard.dispatch(20, 'x'.repeat(20_000));
    return [...gateway.server.connections].some(({ unsentBytes }) => unsentBytes > 64 * 1024);
  });
  expect(tell('A', SERVER)).toBe(false);
});

test('through another node, 1000 is the worker’s; 1001 may be that node’s, and ends nothing', async () => {
  await using nodes = new TestNodes();
  const { entry, owner } = await nodes.startPair();
  gateway = await startTestGateway();
  const { notes } = listen(owner.gateway.shard);
  for (const code of [1001, 1000]) {
    const worker = await entry.gateway.connect();
    worker.identify();
    await worker.next('READY');
    worker.socket.close(code);
    await eventually(() => owner.gateway.server.connections.size === 0);
  }
  expect(notes).toEqual(['A connects', 'A disconnects', 'B connects', 'B ends', 'B disconnects']);
});
