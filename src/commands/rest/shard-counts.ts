/** How many shards each application has, for `GET /gateway/bot`: as configured, or what Discord recommends. */
import type { ApplicationConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type DiscordApi, InformationSource } from '../../upstream/index.ts';
import type { BotToken } from './bot-token.ts';

export interface ShardCountOptions {
  readonly api: DiscordApi;
  readonly token: BotToken;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Gives the number once it is known. Asks Discord until then, anew with another token, and stops when `signal` aborts. */
export function shardCountOf(
  shardCount: ApplicationConfig['shardCount'],
  { api, token, clock, log, signal }: ShardCountOptions,
): () => number | undefined {
  if (shardCount !== 'auto') return () => shardCount;
  let known: number | undefined;
  let asking = new AbortController();
  const ask = () => {
    asking.abort();
    asking = new AbortController();
    const source = new InformationSource({
      api,
      token: token.reveal(),
      clock,
      random: Math.random,
      log,
      signal: AbortSignal.any([signal, asking.signal]),
      onUnauthorized: (reason) => log.error({ reason }, 'the number of shards stays unknown'),
    });
    source.get().then(({ shards }) => {
      known = shards;
    });
  };
  ask();
  token.onChange(() => {
    if (known === undefined) ask();
  });
  return () => known;
}
