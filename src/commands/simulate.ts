/** `shardmux simulate`: flags into simulator options, and a simulated Discord until the signal. Wiring only. */
import { readFileSync } from 'node:fs';
import { duration, integer, type Kind, text } from '../config/index.ts';
import { SIMULATOR_TOKEN, type SimulatorOptions, startSimulator } from '../simulator/index.ts';
import { type FlagSpec, type FlagSpecs, flagLines } from './flags.ts';
import { COMMANDS } from './help.ts';

export type SimulateIo = { stdout: { write(text: string): unknown; isTTY?: boolean }; signal: AbortSignal };

type SimulateFlag = FlagSpec & {
  apply: (
    raw: string,
  ) => { ok: true; options: Partial<SimulatorOptions> } | { ok: false; wrong: string; remedy: string };
};

const COUNT = integer({ min: 0, max: 10_000_000 });
const DURATION = duration({ min: 0 });

const FLAGS: Readonly<Record<string, SimulateFlag>> = {
  host: flag('<address>', 'Where to listen. Default 127.0.0.1.', text('address'), (host) => ({ host })),
  port: flag('<n>', '0, the default, takes a free one.', integer({ min: 0, max: 65_535 }), (port) => ({
    port,
  })),
  shards: flag(
    '<n>',
    'How many shards it recommends. Default 1.',
    integer({ min: 1, max: 100_000 }),
    (shards) => ({ shards }),
  ),
  guilds: flag('<n>', 'How many guilds the bot is in, over all shards. Default 50.', COUNT, (guilds) => ({
    guilds,
  })),
  'events-per-second': flag(
    '<n>',
    'Dispatches a second, over all shards. Default 20.',
    COUNT,
    (eventsPerSecond) => ({ eventsPerSecond }),
  ),
  'max-concurrency': flag(
    '<n>',
    'Identify buckets. Default 1.',
    integer({ min: 1, max: 100_000 }),
    (maxConcurrency) => ({ maxConcurrency }),
  ),
  seed: flag(
    '<n>',
    'The same seed gives the same guilds and events. Default 1.',
    integer({ min: 0, max: 2 ** 32 - 1 }),
    (seed) => ({ seed }),
  ),
  token: flag('<text>', 'The bot token it accepts.', text('text'), (token) => ({ token })),
  'allowed-intents': flag(
    '<n>',
    'Intents beyond these bits are refused with 4014. Default all.',
    integer({ min: 0, max: 2 ** 31 - 1 }),
    (allowedIntents) => ({ allowedIntents }),
  ),
  'heartbeat-interval': flag(
    '<duration>',
    'As in HELLO. Default 41250ms.',
    duration(),
    (heartbeatIntervalMs) => ({ heartbeatIntervalMs }),
  ),
  'identify-interval': flag(
    '<duration>',
    'Between two IDENTIFYs of a bucket. Default 5s.',
    DURATION,
    (identifyIntervalMs) => ({ identifyIntervalMs }),
  ),
  'resume-window': flag(
    '<duration>',
    'How long a session can be resumed. Default 2m.',
    DURATION,
    (resumeWindowMs) => ({ resumeWindowMs }),
  ),
  'ready-delay': flag('<duration>', 'Between IDENTIFY and READY. Default 0.', DURATION, (readyDelayMs) => ({
    readyDelayMs,
  })),
  'rest-latency': flag(
    '<duration>',
    'By how much REST answers are late. Default 0.',
    DURATION,
    (latencyMs) => ({
      rest: { latencyMs },
    }),
  ),
  'rest-jitter': flag('<duration>', 'Up to this much more, at random. Default 0.', DURATION, (jitterMs) => ({
    rest: { jitterMs },
  })),
  'rest-global-limit': flag(
    '<n>',
    'REST requests in any second. Default 50.',
    integer({ min: 1, max: 1_000_000 }),
    (globalLimit) => ({ rest: { globalLimit } }),
  ),
  tls: {
    value: '<cert.pem,key.pem>',
    description: 'Listens with TLS, and speaks HTTP/2 too. Default without.',
    apply: readTls,
  },
  'guild-state': {
    description: 'Events change the guilds, which GET /simulator/guilds/<id> tells. Costs more.',
    apply: () => ({ ok: true, options: { guildState: true } }),
  },
  'guild-size': {
    value: '<channels,roles,members>',
    description: 'What a guild has at first, with --guild-state. Default 10,6,20.',
    apply: readGuildSize,
  },
};

/** Without flags: a small bot with something going on, which one can follow with one's eyes. */
const DEFAULTS = { shards: 1, guilds: 50, eventsPerSecond: 20 };

export const SIMULATE_FLAGS: FlagSpecs = FLAGS;

export const SIMULATE_HELP = `shardmux simulate: ${COMMANDS.simulate}.

It enforces what Discord enforces (identify buckets, send limits, heartbeats, resume windows, close codes, REST limits) and counts
every violation: GET /simulator/stats tells them. It prints where it listens, and the line that runs a gateway against it.

  shardmux simulate --port 4000 --shards 4 --guilds 200 --events-per-second 100

Flags:
${flagLines(FLAGS)}
Durations are in milliseconds or have a unit: 500, 500ms, 30s, 5m. Stop it with Ctrl-C.
`;

export type SimulateOptionsResult =
  | { ok: true; options: SimulatorOptions }
  | { ok: false; wrong: string; remedy: string };

export function simulatorOptions(flags: Readonly<Record<string, string | undefined>>): SimulateOptionsResult {
  let options: SimulatorOptions = DEFAULTS;
  for (const [name, { apply }] of Object.entries(FLAGS)) {
    const raw = flags[name];
    if (raw === undefined) continue;
    const applied = apply(raw);
    if (!applied.ok) return { ok: false, wrong: `--${name} ${applied.wrong}.`, remedy: applied.remedy };
    const rest = { ...options.rest, ...applied.options.rest };
    options = { ...options, ...applied.options, rest };
  }
  return { ok: true, options };
}

/** Runs until the signal; gives the exit code. */
export async function runSimulate(
  options: SimulatorOptions,
  { stdout, signal }: SimulateIo,
): Promise<number> {
  await using simulator = await startSimulator(options);
  const { url, gatewayUrl } = simulator;
  const token = options.token ?? SIMULATOR_TOKEN;
  stdout.write(
    stdout.isTTY === true
      ? `A simulated Discord listens on ${url} (gateway ${gatewayUrl}). Ctrl-C stops it. Run a gateway against it with:\n\n` +
          `  SHARDMUX_DISCORD_API_URL=${url}/api/v10 SHARDMUX_DISCORD_TOKEN=${token} npm start\n\n` +
          'and in another terminal, for REST, the same with `npm run rest`.\n'
      : `${JSON.stringify({ msg: 'simulator listening', url, gatewayUrl })}\n`,
  );
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return 0;
}

function readGuildSize(raw: string): ReturnType<SimulateFlag['apply']> {
  const [, channels, roles, members] = /^([1-9]\d{0,3}),([1-9]\d{0,3}),([1-9]\d{0,5})$/.exec(raw) ?? [];
  if (members === undefined)
    return { ok: false, wrong: 'is not three numbers', remedy: 'Write it as in --guild-size 30,20,50.' };
  const guildSize = { channels: Number(channels), roles: Number(roles), members: Number(members) };
  return { ok: true, options: { guildSize } };
}

function readTls(raw: string): ReturnType<SimulateFlag['apply']> {
  const [certFile, keyFile] = raw.split(',');
  if (!certFile || !keyFile)
    return { ok: false, wrong: 'is not two files', remedy: 'Write it as in --tls cert.pem,key.pem.' };
  try {
    const tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    return { ok: true, options: { tls } };
  } catch (error) {
    const wrong = `cannot be read (${error instanceof Error ? error.message : String(error)})`;
    return { ok: false, wrong, remedy: 'Name two files in PEM.' };
  }
}

function flag<T>(
  value: string,
  description: string,
  kind: Kind<T>,
  toOptions: (value: T) => Partial<SimulatorOptions>,
): SimulateFlag {
  return {
    value,
    description,
    apply(raw) {
      const reading = kind.read(raw);
      if (reading.ok) return { ok: true, options: toOptions(reading.value) };
      const { wrong, remedy } = reading.faults[0] ?? { wrong: 'is wrong', remedy: '' };
      return { ok: false, wrong, remedy };
    },
  };
}
