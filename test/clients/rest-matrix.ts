/** What each stock library must find at `shardmux rest`, with a worker token and the address alone. docs/libraries.md has the results. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { BOT_USER_ID } from '../../src/simulator/payloads/users.ts';
import { eventually } from '../support/eventually.ts';
import { expectUnharmed, type Library, startClient } from './checks.ts';
import type { Client, HeardMessage } from './client.ts';
import type { Entity } from './compare.ts';
import { SETTLE_DEADLINE_MS, SHARDS } from './deployment.ts';
import { interactionIn } from './interactions.ts';
import { type RestDeployment, startRestDeployment } from './rest-deployment.ts';
import { describeLimits } from './rest-limits.ts';

const MIB = 1024 * 1024;

/** A library as it is used with `shardmux rest`. */
export interface RestLibrary extends Pick<Library, 'name' | 'registry' | 'command' | 'harmless'> {
  /** Whether it sends messages to a channel in the order of the calls, without waiting in between. */
  readonly isOrdered: boolean;
  /** The names of its errors for 404, 403 and 503. */
  readonly errors: { readonly notFound: string; readonly forbidden: string; readonly unavailable: string };
}

/** One deployment and one client, for all tests of a library. */
export interface Running {
  readonly deployment: RestDeployment;
  readonly client: Client;
}

export function describeRest(library: RestLibrary): void {
  const isMissing = inject('unreachable').includes(library.registry);
  describe.skipIf(isMissing)(`${library.name}, through shardmux rest`, { timeout: 60_000 }, () => {
    let running: Running | undefined;
    const now = () => {
      if (!running) throw new Error('nothing was started');
      return running;
    };

    beforeAll(async () => {
      const deployment = await startRestDeployment();
      try {
        running = { deployment, client: await startClient(library, deployment) };
      } catch (error) {
        await deployment[Symbol.asyncDispose]();
        throw error;
      }
    }, 60_000);

    afterAll(async () => {
      await running?.client[Symbol.asyncDispose]();
      await running?.deployment[Symbol.asyncDispose]();
    });

    afterEach(() => expectLimitsKept(now()));

    it('finds the gateway there, and gets its events', async () => {
      const { deployment, client } = now();
      const { simulator } = deployment;
      const [guildId = ''] = simulator.guildIds(0);
      const s = simulator.happen(0, 'GUILD_ROLE_CREATE', guildId);
      await eventually(
        async () => (await client.heard(0)).some((heard) => heard.s === s),
        SETTLE_DEADLINE_MS,
      );
      expect(simulator.stats().identifies).toBe(SHARDS);
      // With HAProxy a gateway node answers; a REST node says the same.
      const ofRestNode = await deployment.asAnother('GET', '/gateway/bot', { at: deployment.rest.restUrl });
      expect(await ofRestNode.json()).toMatchObject({
        url: deployment.url.replace('http:', 'ws:'),
        shards: SHARDS,
      });
      await expectUnharmed(library, deployment, client);
    });

    describeMessages(now);
    describeWebhooks(now);
    describeErrors(library, now);
    describeLimits(library, now);
  });
}

/** Discord saw the bot token, or none where none is needed, and no request was over a limit that can be known. */
function expectLimitsKept({ deployment: { simulator } }: Running): void {
  expect(simulator.stats().violations).toEqual({});
  expect(simulator.rest.received.filter(({ authorization }) => authorization === 'other')).toEqual([]);
}

function describeMessages(now: () => Running): void {
  it('sends, edits, reacts to, reads and deletes messages', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(0);
    const { id: messageId } = await client.ask('send', { channelId, content: 'first, with ö and 🔥' });
    const edited = await client.ask('edit', { channelId, messageId, content: 'edited' });
    expect(edited).toEqual({ id: messageId, content: 'edited' });
    await client.ask('react', { channelId, messageId, emojis: ['🔥', '🎉', '👍'] });
    expect(await client.ask('messages', { channelId, limit: 1 })).toEqual([edited]);
    await client.ask('delete', { channelId, messageId });
    expect(await client.ask('messages', { channelId, limit: 1 })).toEqual([]);
  });

  it('pages through messages, members and reactions', async () => {
    const { deployment, client } = now();
    const { simulator } = deployment;
    const channelId = deployment.channel(1);
    const contents = Array.from({ length: 12 }, (_, index) => `${index}`);
    const sent = await client.ask('sendMany', { channelId, contents });
    const newest = [...simulatedOrder(sent)].reverse();
    const page = await client.ask('messages', { channelId, limit: 5 });
    expect(page).toEqual(newest.slice(0, 5));
    const next = await client.ask('messages', { channelId, limit: 5, before: String(page.at(-1)?.id) });
    expect(next).toEqual(newest.slice(5, 10));

    const [guildId = ''] = simulator.guildIds(0);
    const members = (simulator.guild(guildId)?.['members'] as Entity[]).map(
      ({ user }) => (user as Entity)['id'],
    );
    expect((await pagesOfMembers(client, guildId)).sort()).toEqual(members.sort());

    const messageId = String(newest[0]?.id);
    await client.ask('react', { channelId, messageId, emojis: ['🔥'] });
    const reactors = await client.ask('reactors', {
      channelId,
      messageId,
      emoji: '🔥',
      limit: 7,
      after: '5',
    });
    expect(reactors).toEqual([BOT_USER_ID]);
    const asked = simulator.rest.received.find(
      ({ route }) => route.startsWith('GET') && route.endsWith('/reactions/:emoji'),
    );
    expect(asked?.path).toContain(`/reactions/${encodeURIComponent('🔥')}`);
    expect(Object.fromEntries(new URLSearchParams(asked?.query))).toMatchObject({ limit: '7', after: '5' });
  });

  it('uploads files of 25 MB, several at once, and shardmux holds little of them', async () => {
    const { deployment, client } = now();
    const before = peakBytes(deployment);
    const uploads = [2, 3, 4, 5].map((at) =>
      client.ask('upload', { channelId: deployment.channel(at), bytes: 25 * MIB }),
    );
    const sent = await Promise.all(uploads);
    expect(sent.map(({ bytes }) => bytes)).toEqual(sent.map(() => 25 * MIB));
    const files = deployment.simulator.rest.received.flatMap(({ body }) => body?.files ?? []);
    expect(files.map(({ sha256 }) => sha256).sort()).toEqual(sent.map(({ sha256 }) => sha256).sort());
    expect(peakBytes(deployment) - before).toBeLessThan(70 * MIB);
  });

  it('gives reasons for the audit log that are not ASCII', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(6);
    const reason = 'größer, weil 日本';
    expect(await client.ask('rename', { channelId, name: 'renamed', reason })).toBe('renamed');
    const { headers } = deployment.simulator.rest.received.at(-1) ?? {};
    expect(decodeURIComponent(String(headers?.['x-audit-log-reason']))).toBe(reason);
  });
}

function describeWebhooks(now: () => Running): void {
  it('sends and edits through a webhook, without any token', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(7);
    const { content } = await client.ask('webhook', { channelId, content: 'by hook' });
    expect(content).toBe('by hook, edited');
    const { received } = deployment.simulator.rest;
    const held = received.filter(({ route }) => route.includes('/webhooks/:webhook/:token'));
    expect(held.map(({ authorization }) => authorization)).toEqual(['none', 'none', 'none']);
  });

  it.each([
    'reply',
    'defer',
  ])('answers an interaction of the gateway, edits that and follows it up (%s)', async (name) => {
    const { deployment, client } = now();
    const { simulator } = deployment;
    const channelId = deployment.channel(8);
    simulator.rest.forgetReceived();
    simulator.dispatch(0, 'INTERACTION_CREATE', interactionIn(simulator, channelId, name));
    const answers = await eventually(() => client.ask('answered', { name }), SETTLE_DEADLINE_MS);
    expect(answers).toEqual(['edited', 'one more']);
    const made = simulator.rest.received.filter(({ method }) => method !== 'GET');
    expect(made.map(({ route, status, authorization }) => ({ route, status, authorization }))).toMatchObject([
      { route: 'POST /interactions/:interaction/:token/callback', authorization: 'none' },
      { route: 'PATCH /webhooks/:webhook/:token/messages/:message', status: 200, authorization: 'none' },
      { route: 'POST /webhooks/:webhook/:token', status: 200, authorization: 'none' },
    ]);
  });
}

function describeErrors({ errors }: RestLibrary, now: () => Running): void {
  it("gets Discord's errors as its own", async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(7);
    const unknown = { channelId, messageId: '1000000000000000000' };
    const notFound = { name: errors.notFound, status: 404, code: 10_008 };
    expect(await client.ask('failure', { call: 'fetch', ...unknown })).toEqual(notFound);
    const [hooked] = await client.ask('messages', { channelId, limit: 1 });
    const forbidden = { name: errors.forbidden, status: 403, code: 50_005 };
    const ofAnother = { channelId, messageId: String(hooked?.id) };
    expect(await client.ask('failure', { call: 'edit', ...ofAnother })).toEqual(forbidden);
  });
}

/** As Discord took them: its ids grow. */
function simulatedOrder(sent: readonly HeardMessage[]): HeardMessage[] {
  return [...sent].sort((one, other) => (BigInt(one.id) < BigInt(other.id) ? -1 : 1));
}

/** All of them, page by page: a library may give a page in another order. */
async function pagesOfMembers(client: Client, guildId: string): Promise<unknown[]> {
  const all = new Set<string>();
  for (let after = '0'; ; ) {
    const page = await client.ask('members', { guildId, limit: 50, after });
    if (page.length === 0) return [...all];
    for (const id of page) {
      expect(all).not.toContain(id);
      all.add(id);
      if (BigInt(id) > BigInt(after)) after = id;
    }
  }
}

/** The most memory that the process ever had. */
function peakBytes({ rest: { pid } }: RestDeployment): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
