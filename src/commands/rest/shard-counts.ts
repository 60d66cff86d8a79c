/** How many shards each application has, for `GET /gateway/bot`: as configured, or what Discord recommends. */
import type { ApplicationConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import type { RestLimiter } from '../../rest/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import {
  type DiscordApi,
  type FetchGatewayInformation,
  fetchGatewayInformation,
  InformationSource,
} from '../../upstream/index.ts';
import type { BotToken } from './bot-token.ts';

export interface ShardCountOptions {
  readonly api: DiscordApi;
  readonly token: BotToken;
  /** It is asked as workers' requests are: in turn, and a token that is refused is locked. */
  readonly limiter: RestLimiter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Its name among those of worker tokens. */
const ACCOUNT = 'shardmux';
/** Workers wait for it, and no library longer than this. */
const DEADLINE_MS = 8_000;

/** Gives the number once it is known. Asks Discord until then, anew with another token, and stops when `signal` aborts. */
export function shardCountOf(
  shardCount: ApplicationConfig['shardCount'],
  { api, token, limiter, clock, log, signal }: ShardCountOptions,
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
      fetch: inTurn(limiter),
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

function inTurn(limiter: RestLimiter): FetchGatewayInformation {
  const request = {
    method: 'GET',
    target: '/api/v10/gateway/bot',
    account: ACCOUNT,
    deadlineMs: DEADLINE_MS,
    bytes: 0,
  };
  return async (api, token, signal) => {
    try {
      const turn = await limiter.submit(request, signal);
      if (turn.kind === 'refused') {
        const { reason, retryAfterMs } = turn;
        if (reason === 'token-locked') return { kind: 'unauthorized' };
        const failed = { kind: 'failed', reason: `it is not its turn yet (${reason})` } as const;
        return retryAfterMs === undefined ? failed : { ...failed, retryAfterMs };
      }
      const result = await fetchGatewayInformation(api, token, signal, (answer) => turn.done(answer));
      // Where an answer came this changes nothing.
      turn.failed('unknown');
      return result;
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error) };
    }
  };
}
