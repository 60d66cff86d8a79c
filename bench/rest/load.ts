/** The process that sends requests, as workers do, and times the answers. */
import { fail } from '../messages.ts';
import { percentiles } from '../sink/delivery.ts';
import { monotonicUs } from '../wire.ts';
import { Client } from './client.ts';
import type { FromLoad, Load, Target, ToLoad } from './messages.ts';
import { requestsOf, uploadHead } from './shapes.ts';

const CONNECTIONS = 32;

/** How often a paced load looks what is due: as often as timers can. */
const TICK_MS = 1;

class Run {
  readonly #load: Load;
  readonly #requests: readonly Buffer[];
  readonly #latenciesUs: Uint32Array;
  readonly #clients: Client[] = [];
  /** Connections that have no request in flight; of a paced load. */
  readonly #idle: Client[] = [];
  /** When requests were due that found no idle connection. */
  readonly #overdueUs: number[] = [];
  readonly #done = Promise.withResolvers<void>();
  #sent = 0;
  #answered = 0;

  constructor(target: Target, load: Load) {
    this.#load = load;
    this.#requests = requestsOf(load.shape, target.tokens);
    this.#latenciesUs = new Uint32Array(load.requests);
  }

  async run(port: number): Promise<FromLoad> {
    const onAnswer = (client: Client, latencyUs: number) => this.#onAnswer(client, latencyUs);
    for (let at = 0; at < CONNECTIONS; at++)
      this.#clients.push(await Client.connect(port, { onAnswer, onFailure: fail }));
    const startedUs = monotonicUs();
    if (this.#load.perSecond === null) for (const client of this.#clients) this.#next(client);
    else this.#pace(this.#load.perSecond);
    await this.#done.promise;
    const elapsedMs = (monotonicUs() - startedUs) / 1_000;
    for (const client of this.#clients) client[Symbol.dispose]();
    return { type: 'answered', latencies: percentiles(this.#latenciesUs), elapsedMs };
  }

  #pace(perSecond: number): void {
    const startedUs = monotonicUs();
    let due = 0;
    this.#idle.push(...this.#clients);
    const tick = setInterval(() => {
      const nowUs = monotonicUs();
      const dueByNow = Math.min(this.#load.requests, Math.floor(((nowUs - startedUs) * perSecond) / 1e6));
      for (; due < dueByNow; due++) {
        const client = this.#idle.shift();
        if (client) this.#next(client);
        else this.#overdueUs.push(nowUs);
      }
      if (due === this.#load.requests) clearInterval(tick);
    }, TICK_MS);
  }

  #next(client: Client, dueUs?: number): void {
    if (this.#sent === this.#load.requests) return;
    client.send(this.#requests[this.#sent++ % this.#requests.length] as Buffer, dueUs); // within its length
  }

  #onAnswer(client: Client, latencyUs: number): void {
    this.#latenciesUs[this.#answered++] = latencyUs;
    if (this.#answered === this.#load.requests) this.#done.resolve();
    else if (this.#load.perSecond === null) this.#next(client);
    else if (this.#overdueUs.length > 0) this.#next(client, this.#overdueUs.shift());
    else this.#idle.push(client);
  }
}

async function upload({ port, tokens }: Target, uploads: number, bytes: number): Promise<FromLoad> {
  const startedUs = monotonicUs();
  await Promise.all(
    Array.from({ length: uploads }, async (_, at) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      using client = await Client.connect(port, { onAnswer: () => resolve(), onFailure: fail });
      await client.upload(uploadHead(at, tokens, bytes), bytes);
      await promise;
    }),
  );
  return { type: 'uploaded', elapsedMs: (monotonicUs() - startedUs) / 1_000 };
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (message: ToLoad) => {
  const { target } = message;
  const told =
    message.type === 'send'
      ? await new Run(target, message.load).run(target.port)
      : await upload(target, message.uploads, message.bytes);
  process.send?.(told);
});
