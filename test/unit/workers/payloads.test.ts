import { expect, test } from 'vitest';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { readWorkerPayload } from '../../../src/workers/payloads.ts';

function read(text: string) {
  return readWorkerPayload(Buffer.from(text));
}

function commandOf(op: number, d: unknown) {
  const payload = read(JSON.stringify({ op, d }));
  return payload.kind === 'command' ? JSON.parse(payload.payload).d : payload;
}

const GUILD = '200000000000000001';

test.each([
  ['nothing', ''],
  ['no JSON', '{"op":1'],
  ['null', 'null'],
  ['a number', '1'],
  ['a string', '"op"'],
  ['an array', '[{"op":1}]'],
  ['an empty object', '{}'],
  ['an op that is a string', '{"op":"1"}'],
  ['an op that is null', '{"op":null}'],
])('%s is a decode error', (_what, text) => {
  expect(read(text)).toMatchObject({ kind: 'rejected', rejection: { code: 4002 } });
});

test.each([
  ['brackets', '['.repeat(4_096)],
  ['objects', '{"a":'.repeat(800)],
  ['arrays in a presence', `{"op":3,"d":{"status":"online","x":${'['.repeat(2_000)}${']'.repeat(2_000)}}}`],
])('JSON as deep as 4096 bytes allow, in %s, throws nothing', (_what, text) => {
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
  expect(['rejected', 'command']).toContain(read(text).kind);
});

test('bytes that are no UTF-8 are a decode error, also inside a string', () => {
  const bytes = Buffer.concat([
    Buffer.from('{"op":3,"d":{"status":"online","x":"'),
    Buffer.from([0xff]),
    Buffer.from('"}}'),
  ]);
  expect(readWorkerPayload(bytes)).toMatchObject({ kind: 'rejected', rejection: { code: 4002 } });
});

test.each([0, 5, 7, 9, 10, 11, 12, 42, 44, -1, 1.5])('op %d is unknown', (op) => {
  const rejection = { code: 4001, reason: `opcode ${op} is unknown` };
  expect(read(`{"op":${op},"d":{}}`)).toEqual({ kind: 'rejected', rejection });
});

test.each([
  ['a sequence', 7, 7],
  ['null', null, null],
  ['a string', '7', null],
  ['an object', {}, null],
])('a heartbeat with %s acknowledges as much', (_what, d, acknowledged) => {
  expect(read(JSON.stringify({ op: 1, d }))).toEqual({ kind: 'heartbeat', acknowledged });
});

test('a heartbeat without d is one', () => {
  expect(read('{"op":1}')).toEqual({ kind: 'heartbeat', acknowledged: null });
});

test.each([
  ['as it is', 'token'],
  ['with the prefix Bot', 'Bot token'],
])('IDENTIFY and RESUME take the token %s', (_how, token) => {
  expect(read(JSON.stringify({ op: 2, d: { token, intents: 0 } }))).toMatchObject({ token: 'token' });
  const resume = { token, session_id: 's', seq: 1 };
  expect(read(JSON.stringify({ op: 6, d: resume }))).toMatchObject({ token: 'token' });
});

test.each([null, undefined])('IDENTIFY with shard %s names none', (shard) => {
  const payload = read(JSON.stringify({ op: 2, d: { token: 't', intents: 1, shard } }));
  expect(payload).toEqual({ kind: 'identify', token: 't', intents: 1, shard: undefined });
});

test.each([
  [[0]],
  [[0, 0]],
  [[-1, 1]],
  [['0', '1']],
  [[0.5, 1]],
  ['0,1'],
  [[0, 1, 2]],
])('IDENTIFY with shard %j is a decode error', (shard) => {
  const payload = read(JSON.stringify({ op: 2, d: { token: 't', intents: 1, shard } }));
  expect(payload).toMatchObject({ rejection: { code: 4002 } });
});

test.each([
  undefined,
  null,
  '513',
  -1,
  1.5,
  1e300,
])('IDENTIFY with intents %s has invalid intents', (intents) => {
  const payload = read(JSON.stringify({ op: 2, d: { token: 't', intents } }));
  expect(payload).toMatchObject({ rejection: { code: 4013 } });
});

test.each([
  ['no seq', { session_id: 's' }],
  ['seq null', { session_id: 's', seq: null }],
  ['session_id null', { session_id: null, seq: 1 }],
])('RESUME with %s is one that can not be granted, not a decode error', (_what, d) => {
  expect(read(JSON.stringify({ op: 6, d: { token: 't', ...d } }))).toMatchObject({ kind: 'resume' });
});

test.each([
  { seq: '1' },
  { seq: -1 },
  { seq: 1.5 },
  { session_id: 1 },
  { token: 1 },
])('RESUME with %j is a decode error', (d) => {
  const payload = read(JSON.stringify({ op: 6, d: { token: 't', session_id: 's', seq: 1, ...d } }));
  expect(payload).toMatchObject({ rejection: { code: 4002 } });
});

test.each([
  Opcode.VoiceStateUpdate,
  Opcode.RequestGuildMembers,
  Opcode.RequestSoundboardSounds,
  Opcode.RequestChannelInfo,
])('ids of op %d that came as integers are kept to the digit', (op) => {
  const id = '1234567890123456789';
  const fields = `"guild_ids":[${id}],"guild_id":${id},"channel_id":${id},"user_ids":[${id}],"fields":["status"]`;
  const payload = read(`{"op":${op},"d":{${fields}}}`);
  const d = JSON.parse(payload.kind === 'command' ? payload.payload : '{}').d;
  expect(d).toMatchObject({ guild_ids: [id], guild_id: id, channel_id: id, user_ids: [id] });
});

test.each([
  '',
  '1',
  'guild',
  '18446744073709551616',
  '-200000000000000001',
  '2e17',
  1,
  null,
  {},
  true,
])('a guild id of %j is a decode error', (id) => {
  expect(commandOf(4, { guild_id: id, channel_id: null })).toMatchObject({ rejection: { code: 4002 } });
  expect(commandOf(8, { guild_id: id, query: '', limit: 0 })).toMatchObject({ rejection: { code: 4002 } });
  expect(commandOf(31, { guild_ids: [GUILD, id] })).toMatchObject({ rejection: { code: 4002 } });
  expect(commandOf(43, { guild_id: id, fields: ['status'] })).toMatchObject({ rejection: { code: 4002 } });
});

test('what Discord requires and many libraries leave out is filled in', () => {
  expect(commandOf(3, { status: 'idle' })).toEqual({
    since: null,
    activities: [],
    status: 'idle',
    afk: false,
  });
  const voice = { guild_id: GUILD, channel_id: null };
  expect(commandOf(4, voice)).toEqual({ ...voice, self_mute: false, self_deaf: false });
});

test('fields that Discord may know and we do not are kept', () => {
  const voice = { guild_id: GUILD, channel_id: GUILD, self_mute: true, self_deaf: true, self_video: true };
  expect(commandOf(4, voice)).toEqual(voice);
});

test.each([
  ['a status of its own', 3, { status: 'away' }],
  ['an activity without a type', 3, { status: 'online', activities: [{ name: 'x' }] }],
  ['no channel', 4, { guild_id: GUILD }],
  ['neither query nor user_ids', 8, { guild_id: GUILD }],
  ['both query and user_ids', 8, { guild_id: GUILD, query: '', limit: 0, user_ids: [GUILD] }],
  ['a query without a limit', 8, { guild_id: GUILD, query: 'a' }],
  ['101 user ids', 8, { guild_id: GUILD, user_ids: Array(101).fill(GUILD) }],
  ['a nonce of 33 bytes', 8, { guild_id: GUILD, query: '', limit: 0, nonce: `${'n'.repeat(31)}é` }],
  ['no guilds', 31, { guild_ids: [] }],
  ['no fields', 43, { guild_id: GUILD, fields: [] }],
  ['d null', 43, null],
])('a command with %s is a decode error', (_what, op, d) => {
  expect(commandOf(op, d)).toMatchObject({ kind: 'rejected', rejection: { code: 4002 } });
});

test('a nonce of 32 bytes is taken, and one that is null left out', () => {
  const request = { guild_id: GUILD, query: '', limit: 0 };
  expect(commandOf(8, { ...request, nonce: 'n'.repeat(32) })).toHaveProperty('nonce', 'n'.repeat(32));
  expect(commandOf(8, { ...request, nonce: null })).toEqual(request);
});

test('a key that is given twice means to Discord what it meant in the check', () => {
  const payload = read(`{"op":4,"d":{"guild_id":"bad","guild_id":"${GUILD}","channel_id":null}}`);
  expect(payload.kind === 'command' && payload.payload.match(/guild_id/g)).toHaveLength(1);
});

test('a command that grows beyond 4096 bytes by being written anew is refused', () => {
  const text = `{"op":3,"d":{"status":"online","x":[${Array(680).fill('1E20').join(',')}]}}`;
  expect(text.length).toBeLessThanOrEqual(4_096);
  expect(read(text)).toMatchObject({ kind: 'rejected', rejection: { code: 4002 } });
});

test('no reason for a close is longer than a close frame takes', () => {
  const payload = read(JSON.stringify({ op: 3, d: { status: 'é'.repeat(200) } }));
  expect(payload.kind === 'rejected' && Buffer.byteLength(payload.rejection.reason)).toBeLessThanOrEqual(123);
});
