/** What the conductor and the source and sink processes say to each other over IPC. */

/** An event run: how many events, evenly spaced at `eventsPerSecond`, or as fast as the middle takes them (null). */
export interface Traffic {
  readonly events: number;
  readonly eventsPerSecond: number | null;
}

export interface Latencies {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

export type ToSource = { readonly type: 'prepare'; readonly traffic: Traffic } | { readonly type: 'send' };

export type ToSink =
  | { readonly type: 'connect'; readonly url: string; readonly token: string }
  | { readonly type: 'expect'; readonly traffic: Traffic };

export type FromSource =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'prepared' }
  | { readonly type: 'sent'; readonly elapsedMs: number };

export type FromSink =
  | { readonly type: 'connected' }
  | { readonly type: 'expecting' }
  | { readonly type: 'delivered'; readonly latencies: Latencies | null };

/** Either side, at any time: the measurement is void. */
export interface Failed {
  readonly type: 'failed';
  readonly reason: string;
}

export function tell(message: FromSource | FromSink | Failed): void {
  process.send?.(message);
}

/** Ends a source or sink with the reason; the conductor reports it and stops the rest. */
export function fail(reason: string): void {
  if (!process.connected) process.exit(1);
  process.send?.({ type: 'failed', reason } satisfies Failed, () => process.exit(1));
}
