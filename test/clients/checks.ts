/** What must be true of a client, whatever happened to it. Not a test itself. */
import { expect } from 'vitest';
import type { Simulator } from '../../src/simulator/index.ts';
import { eventually } from '../support/eventually.ts';
import { Client, type HeardDispatch } from './client.ts';
import { differences, type Entity, type GuildRules } from './compare.ts';
import { SETTLE_DEADLINE_MS } from './deployment.ts';
import type { Registry } from './install.ts';

/** What differs between the libraries. */
export interface Library {
  readonly name: string;
  readonly registry: Registry;
  /** The worker: a program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** How it keeps guilds. */
  readonly rules: GuildRules;
  /** From when on it follows live events with what it keeps of guilds; `never`: it has no cache. */
  readonly follows: 'from READY' | 'once ready' | 'never';
  /** Warnings, line by line, that it has at Discord too or that docs/libraries.md explains. */
  readonly harmless?: RegExp;
}

/** Where clients are run. */
export interface Surroundings {
  readonly simulator: Simulator;
  /** Where they find shardmux: `http://host:port`. */
  readonly url: string;
  /** Where they find the REST API: `http://host:port/api`. */
  readonly api: string;
  /** What they log in with. */
  readonly token: string;
}

/** Less than discord.js waits for guilds that don't come (15 s). */
const READY_WITHIN_MS = 14_000;

/** A client that says it is ready, which it is soon. */
export async function startClient(
  { command }: Pick<Library, 'command'>,
  { url, api, token }: Omit<Surroundings, 'simulator'>,
): Promise<Client> {
  const client = new Client({ command, shardmux: url, rest: api, token });
  try {
    // Loading a library takes long where the machine is busy.
    await client.ask('complaints');
    const startedAt = performance.now();
    await client.ask('ready');
    expect(performance.now() - startedAt).toBeLessThan(READY_WITHIN_MS);
    return client;
  } catch (cause) {
    const complaints = await complaintsOf(client).catch(String);
    await client[Symbol.asyncDispose]();
    throw new Error(`the library is not ready at once:\n${complaints}`, { cause });
  }
}

/**
 * Waits until the client has all there is, and holds its dispatches and its caches against the truth. One that `isFresh` has all from
 * its start, without live events.
 */
export async function expectTruth(
  library: Library,
  surroundings: Surroundings,
  client: Client,
  isFresh = false,
): Promise<void> {
  const { simulator } = surroundings;
  const outages = await expectAllHeard(surroundings, client);
  const shardIds = [...simulator.stats().sessions.keys()];
  const truth: Record<string, Entity> = Object.assign(
    {},
    ...shardIds.map((shard) => simulator.shardState(shard).guilds),
  );
  if (library.follows === 'never' && !isFresh) return;
  // What the library does with the last dispatches, it does a moment after it was handed them.
  await eventually(async () => {
    const lines = differences(truth, await client.ask('guilds'), library.rules, { isFresh, outages });
    if (lines.length > 0) throw new Error(lines.join('\n'));
    return true;
  }, SETTLE_DEADLINE_MS);
}

/**
 * Waits until the client has all there is, and holds its dispatches against the truth. The guilds that went out while it listened,
 * by id.
 */
export async function expectAllHeard({ simulator }: Surroundings, client: Client): Promise<Set<string>> {
  const outages = new Set<string>();
  for (const shard of simulator.stats().sessions.keys()) {
    const live = await expectShardHeard(simulator, client, shard);
    for (const { out } of live) if (out !== undefined) outages.add(out);
  }
  return outages;
}

/** READY, its guilds, and then every dispatch of Discord's once and in order. Resolves with these. */
async function expectShardHeard(
  simulator: Simulator,
  client: Client,
  shard: number,
): Promise<HeardDispatch[]> {
  const sent = simulator.truth(shard).sessions.at(-1)?.dispatches ?? [];
  // Discord's own RESUMEDs are none of a worker's.
  const events = sent.filter(({ t }) => t !== 'RESUMED');
  const [ready, ...others] = await heardUntil(client, shard, events.at(-1)?.s ?? 0);
  expect(ready).toMatchObject({ t: 'READY' });
  const { s: readySequence = 0, guilds: guildCount = 0 } = ready ?? {};
  const guilds = others.slice(0, guildCount);
  expect(guilds.map(({ s }) => s)).toEqual(guilds.map((_, index) => readySequence + 1 + index));
  expect(guilds.filter(({ t }) => t !== 'GUILD_CREATE' && t !== 'GUILD_DELETE')).toEqual([]);
  const live = events.filter(({ s }) => s > readySequence + guildCount);
  const heardLive = others.slice(guildCount);
  expect(heardLive.map(({ s, t }) => ({ s, t }))).toEqual(live.map(({ s, t }) => ({ s, t })));
  return heardLive;
}

/** What it was handed of a shard, up to the dispatch with this sequence at least. */
export async function heardUntil(client: Client, shard: number, last: number): Promise<HeardDispatch[]> {
  return eventually(async () => {
    const dispatches = await client.heard(shard);
    const { s = 0 } = dispatches.at(-1) ?? {};
    if (s >= last) return dispatches;
    throw new Error(`shard ${shard} is at ${s} of ${last}: ${await complaintsOf(client)}`);
  }, SETTLE_DEADLINE_MS);
}

/** Discord has had an IDENTIFY for each shard, ever, its REST API has refused nothing, and the library has nothing to complain about. */
export async function expectUnharmed(
  { harmless }: Pick<Library, 'harmless'>,
  { simulator }: Pick<Surroundings, 'simulator'>,
  client: Client,
): Promise<void> {
  const { identifies, violations, shards } = simulator.stats();
  expect({ identifies, violations }).toEqual({ identifies: shards, violations: {} });
  expect(simulator.rest.received.filter(({ status }) => status >= 400)).toEqual([]);
  const complaints = (await complaintsOf(client)).split('\n');
  expect(complaints.filter((line) => line !== '' && !harmless?.test(line))).toEqual([]);
}

async function complaintsOf(client: Client): Promise<string> {
  return [...(await client.ask('complaints')), client.stderr].join('\n').trim();
}
