/** What the conductor and the processes of the load and of the fake API say to each other over IPC. */
import type { Latencies } from '../messages.ts';
import type { Shape } from './shapes.ts';

/** Requests of one shape: so many a second, or as fast as each connection has its answer (null). */
export interface Load {
  readonly shape: Shape;
  readonly requests: number;
  readonly perSecond: number | null;
}

export interface Target {
  readonly port: number;
  /** Tokens to send with, by the channel in turn. */
  readonly tokens: readonly string[];
}

export type ToLoad =
  | { readonly type: 'send'; readonly target: Target; readonly load: Load }
  | { readonly type: 'upload'; readonly target: Target; readonly uploads: number; readonly bytes: number };

export type FromLoad =
  | { readonly type: 'answered'; readonly latencies: Latencies; readonly elapsedMs: number }
  | { readonly type: 'uploaded'; readonly elapsedMs: number };

export interface FromApi {
  readonly type: 'listening';
  readonly port: number;
}
