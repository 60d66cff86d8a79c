/** What an upstream shard is told, and what of it the library is told. Pure. */
import { Encoding, type FetchingStrategyOptions } from '@discordjs/ws';
import type { TransportCompression } from '../protocol/compression.ts';
import type { Clock } from '../runtime/clock.ts';
import { libraryCompression } from './byte-tap.ts';
import type { IdentifyGate } from './identify-gate.ts';
import type { DispatchSink, UpstreamLog, UpstreamSession } from './ports.ts';

export interface UpstreamShardOptions {
  readonly shardId: number;
  readonly shardCount: number;
  readonly token: string;
  readonly intents: number;
  readonly compression: TransportCompression;
  readonly presence?: object;
  readonly largeThreshold?: number;
  /** Session to RESUME from the sink's head, from an earlier process. */
  readonly session?: UpstreamSession;
  /** Where to IDENTIFY; asked for only then, and resolved once known. */
  readonly gatewayUrl: () => Promise<string>;
  readonly gate: Pick<IdentifyGate, 'wait'>;
  /** Asked before each connection to Discord: resolves when this process may make it, or never. */
  readonly mayConnect: () => Promise<void>;
  readonly sink: DispatchSink;
  readonly clock: Clock;
  /** In [0, 1), for back-off. */
  readonly random: () => number;
  readonly log: UpstreamLog;
  readonly maxQueuedCommands: number;
  /** Discord ended this shard for good. */
  readonly onStopped: (closeCode: number, reason: string) => void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const HELLO_TIMEOUT_MS = 20_000;
/** Long, because giving up on a slow READY costs an IDENTIFY. */
const READY_TIMEOUT_MS = 60_000;

/** `gatewayUrl` is read at each connect that has no session to RESUME. */
export function libraryOptions(
  options: UpstreamShardOptions,
  gatewayUrl: () => string,
): FetchingStrategyOptions {
  return {
    token: options.token,
    intents: options.intents,
    shardCount: options.shardCount,
    initialPresence: (options.presence as FetchingStrategyOptions['initialPresence']) ?? null,
    largeThreshold: options.largeThreshold ?? null,
    identifyProperties: { browser: 'shardmux', device: 'shardmux', os: 'linux' },
    version: '10',
    encoding: Encoding.JSON,
    compression: libraryCompression(options.compression),
    useIdentifyCompression: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    helloTimeout: HELLO_TIMEOUT_MS,
    readyTimeout: READY_TIMEOUT_MS,
    gatewayInformation: {
      get url() {
        return gatewayUrl();
      },
      shards: options.shardCount,
      // The gate sees to the limit; the library only hands this on.
      session_start_limit: { total: 0, remaining: 0, reset_after: 0, max_concurrency: 1 },
    },
  };
}
