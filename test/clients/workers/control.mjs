/**
 * What the workers in JavaScript have in common: commands come as lines of JSON on stdin, answers go to stdout, and what the library
 * was sent is kept. A worker ends with its stdin, so that none outlives its test.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';

/** What a test gives a worker: where shardmux and the REST API are, and what it logs in with. */
export const settings = {
  shardmux: required('SHARDMUX'),
  rest: required('REST'),
  token: required('TOKEN'),
  intents: Number(required('INTENTS')),
};

function required(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** Of each shard, all dispatches in the order in which the library was handed them. */
const heard = new Map();
/** Whatever the library warned of, or called an error. */
const complaints = [];

export function hear(shard, { t, s, d }) {
  const dispatches = heard.get(shard) ?? [];
  heard.set(shard, dispatches);
  const guilds = t === 'READY' ? d.guilds.length : undefined;
  const out = t === 'GUILD_DELETE' && d.unavailable ? d.id : undefined;
  dispatches.push({ s, t, guilds, out });
}

export function complain(what) {
  complaints.push(what instanceof Error ? (what.stack ?? String(what)) : String(what));
}

/** Something to upload. */
export function fileOf(bytes) {
  const data = randomBytes(bytes);
  return { data, sha256: createHash('sha256').update(data).digest('hex') };
}

process.on('warning', complain);
process.on('uncaughtException', complain);
process.on('unhandledRejection', complain);

/** Answers commands until stdin ends. `ready` is a promise; the others are functions of what came with the command. */
export function serve({ ready, ...commands }) {
  const all = {
    ready: async () => void (await ready),
    heard: () => [...heard].map(([shard, dispatches]) => ({ shard, dispatches })),
    complaints: () => complaints,
    ...commands,
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void answer(all, JSON.parse(line)));
  lines.on('close', () => process.exit());
}

async function answer(commands, { id, command, given }) {
  let reply;
  try {
    reply = { id, result: (await commands[command](given)) ?? null };
  } catch (error) {
    reply = { id, error: error?.stack ?? String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
