/** How many shards each application has, for `GET /gateway/bot`: as configured, or what Discord recommends. */
import type { ApplicationConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { InformationSource } from '../../upstream/index.ts';

/** Gives the number once it is known. Asks Discord until then, and stops when `signal` aborts. */
export function shardCountOf(
  { shardCount, apiUrl, token }: ApplicationConfig,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): () => number | undefined {
  if (shardCount !== 'auto') return () => shardCount;
  let known: number | undefined;
  const source = new InformationSource({
    apiUrl,
    token: token.reveal(),
    clock,
    random: Math.random,
    log,
    signal,
    onUnauthorized: (reason) => log.error({ reason }, 'the number of shards stays unknown'),
  });
  source.get().then(({ shards }) => {
    known = shards;
  });
  return () => known;
}
