/**
 * The matrix: what each stock library must find at shardmux, from its start to its voice. What differs between libraries is in
 * `Library`; docs/libraries.md has the results.
 */
import { describe, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Client } from './client.ts';
import { differences, type Entity, type GuildRules } from './compare.ts';
import { type Deployment, SETTLE_DEADLINE_MS, SHARDS, startDeployment } from './deployment.ts';
import type { Registry } from './install.ts';

export interface Library {
  readonly name: string;
  readonly registry: Registry;
  /** The worker: a program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** How it keeps guilds. */
  readonly rules: GuildRules;
  /** Whether it follows live events with what it keeps of guilds. */
  readonly hasCaches: boolean;
  /** Warnings, line by line, that it has at Discord too or that docs/libraries.md explains. */
  readonly harmless?: RegExp;
}

/** Less than any library waits for guilds that don't come. */
const READY_WITHIN_MS = 10_000;
const LIVE_EVENTS = 600;

const shardIds = Array.from({ length: SHARDS }, (_, shard) => shard);

export function describeLibrary(library: Library): void {
  describe.skipIf(inject('unreachable').includes(library.registry))(library.name, { timeout: 90_000 }, () => {
    it('is ready at once, knows every guild as it is, and costs Discord nothing', async () => {
      await using deployment = await startDeployment();
      for (const shard of shardIds) await deployment.simulator.burst(shard, LIVE_EVENTS);
      const before = performance.now();
      await using client = startClient(library, deployment);
      await becomeReady(client);
      expect(performance.now() - before).toBeLessThan(READY_WITHIN_MS);
      await expectTruth(library, deployment, client, true);
      await expectUnharmed(library, deployment, client);
      expect(deployment.simulator.received).toEqual([]);
    });

    it('gets every event once and in order, and follows the guilds with them', async () => {
      await using deployment = await startDeployment();
      await using client = startClient(library, deployment);
      await becomeReady(client);
      for (const shard of shardIds) await deployment.simulator.burst(shard, LIVE_EVENTS);
      await expectTruth(library, deployment, client);
      await expectUnharmed(library, deployment, client);
    });
  });
}

function startClient({ command }: Library, { url, rest, simulator }: Deployment): Client {
  return new Client({ command, shardmux: url, rest: rest.url, token: simulator.options.token });
}

async function becomeReady(client: Client): Promise<void> {
  try {
    await client.ask('ready');
  } catch (cause) {
    throw new Error(`the library does not become ready:\n${await complaintsOf(client)}`, { cause });
  }
}

/** Waits until the client has all there is, and holds its dispatches and its caches against the truth. */
async function expectTruth(
  library: Library,
  deployment: Deployment,
  client: Client,
  isFresh = false,
): Promise<void> {
  for (const shard of shardIds) await expectAllHeard(deployment, client, shard);
  if (!library.hasCaches && !isFresh) return;
  const truth = guildsOf(deployment);
  // What the library does with the last dispatches, it does a moment after it was handed them.
  await eventually(async () => {
    const lines = differences(truth, await client.ask('guilds'), library.rules, isFresh);
    if (lines.length > 0) throw new Error(lines.join('\n'));
    return true;
  });
}

/** READY, its guilds, and then every dispatch of Discord's once and in order. */
async function expectAllHeard({ simulator }: Deployment, client: Client, shard: number): Promise<void> {
  const sent = simulator.truth(shard).sessions.at(-1)?.dispatches ?? [];
  const last = sent.at(-1)?.s ?? 0;
  const heard = await eventually(async () => {
    const dispatches = await client.heard(shard);
    const { s = 0 } = dispatches.at(-1) ?? {};
    if (s < last)
      throw new Error(`shard ${shard} is at ${s}, Discord at ${last}: ${await complaintsOf(client)}`);
    return dispatches;
  }, SETTLE_DEADLINE_MS);
  const [ready, ...others] = heard;
  expect(ready).toMatchObject({ t: 'READY' });
  const { s: readySequence = 0, guilds: guildCount = 0 } = ready ?? {};
  const guilds = others.slice(0, guildCount);
  expect(guilds.map(({ s }) => s)).toEqual(guilds.map((_, index) => readySequence + 1 + index));
  expect(guilds.filter(({ t }) => t !== 'GUILD_CREATE' && t !== 'GUILD_DELETE')).toEqual([]);
  const live = sent.filter(({ s, t }) => s > readySequence + guildCount && t !== 'RESUMED');
  expect(others.slice(guildCount)).toEqual(live.map(({ s, t }) => ({ s, t })));
}

function guildsOf({ simulator }: Deployment): Record<string, Entity> {
  return Object.assign({}, ...shardIds.map((shard) => simulator.shardState(shard).guilds));
}

/** Discord has had an IDENTIFY for each shard, ever, and the library has nothing to complain about. */
async function expectUnharmed(
  { harmless }: Library,
  { simulator, rest }: Deployment,
  client: Client,
): Promise<void> {
  const { identifies, violations } = simulator.stats();
  expect({ identifies, violations }).toEqual({ identifies: SHARDS, violations: {} });
  expect(rest.unanswered).toEqual([]);
  const complaints = (await complaintsOf(client)).split('\n').filter((line) => line && !harmless?.test(line));
  expect(complaints).toEqual([]);
}

async function complaintsOf(client: Client): Promise<string> {
  return [...(await client.ask('complaints')), client.stderr].join('\n').trim();
}
