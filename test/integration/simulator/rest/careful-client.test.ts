/** A client that heeds all it is told, with many requests in flight: the simulator must have nothing to say against it. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { smallSimulator } from '../peer.ts';
import { limitHeaders, RestClient } from './client.ts';

/** Timers may be this early. */
const TIMER_MS = 1.5;

/** Sends through one channel: one request to learn, then as many at once as are free, then waits for all to be. */
class CarefulChannel {
  readonly #client: RestClient;
  readonly #channel: string;
  #free = 1;
  #resetAtMs = 0;
  sent = 0;

  constructor(client: RestClient, channel: string) {
    this.#client = client;
    this.#channel = channel;
  }

  async send(count: number): Promise<void> {
    while (this.sent < count) {
      const batch = Math.min(this.#free, count - this.sent);
      this.sent += batch;
      this.#free = 0;
      const limits = await Promise.all(Array.from({ length: batch }, () => this.#sendOne()));
      if (batch === 1 && limits[0] && limits[0].remaining > 0) this.#free = limits[0].remaining;
      else await this.#waitForReset(limits[0]?.limit ?? 1);
    }
  }

  async #sendOne() {
    const answer = await this.#client.say('x', this.#channel);
    expect(answer.status).toBe(200);
    const { limit, remaining, resetAfter } = limitHeaders(answer);
    this.#resetAtMs = Math.max(this.#resetAtMs, performance.now() + Number(resetAfter) * 1_000);
    return { limit: Number(limit), remaining: Number(remaining) };
  }

  async #waitForReset(limit: number): Promise<void> {
    await delay(Math.max(0, this.#resetAtMs - performance.now()) + TIMER_MS);
    this.#free = limit;
  }
}

describe.each(['leaky', 'fixed'] as const)('with %s buckets', (kind) => {
  test('who keeps to what the headers say has no 429, with answers late and out of order', async () => {
    await using simulator = await smallSimulator({
      guilds: 20,
      rest: {
        globalLimit: 10_000,
        latencyMs: 5,
        jitterMs: 25,
        buckets: { 'create-message': { kind, limit: 5, windowMs: 150 } },
      },
    });
    const client = new RestClient(simulator);
    const ids = simulator.rest.channelIds(0);
    const channels = ids.map((channel) => new CarefulChannel(client, channel));
    await Promise.all(channels.map((channel) => channel.send(30)));
    const { violations, notes, rest } = simulator.stats();
    expect(violations).toEqual({});
    expect(notes).toEqual({});
    expect(rest.statuses).toEqual({ 200: 600 });
    const served = await (await fetch(`${simulator.url}/simulator/rest/served`)).json();
    const bucket = (channel: string) => `bot POST /channels/:channel/messages ${channel}`;
    expect(served).toEqual(Object.fromEntries(ids.map((id) => [bucket(id), 30])));
    expect(rest.maxInFlight).toBeGreaterThan(20);
  });
});
