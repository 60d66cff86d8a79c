/** What a worker's connection is given. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../runtime/clock.ts';
import type { WorkerCounts } from './counts.ts';
import type { Authenticator, Peers, ServedApplication, WorkerLog } from './ports.ts';
import type { SnapshotTurns } from './snapshot-turns.ts';
import type { ConnectionRequest } from './upgrade.ts';

export interface WorkerLimits {
  readonly heartbeatIntervalMs: number;
  readonly identifyTimeoutMs: number;
  readonly holdTimeoutMs: number;
  readonly maxUnsentBytes: number;
  readonly drainTimeoutMs: number;
}

export interface WorkerConnectionOptions extends ConnectionRequest {
  readonly webSocket: WebSocket;
  /** The socket under `webSocket`. */
  readonly socket: Duplex;
  /** Where a worker reaches a shard, for READY. */
  readonly resumeUrl: (shardId: number, applicationId: string) => string;
  /** A shard's path at the node that holds it. */
  readonly relayPath: (shardId: number, applicationId: string) => string;
  /** What its request said about it, for another node. */
  readonly forwarded: Readonly<Record<string, string>>;
  readonly applications: readonly ServedApplication[];
  readonly peers?: Peers | undefined;
  readonly authenticator: Authenticator;
  readonly sessionKey: Buffer;
  readonly limits: WorkerLimits;
  /** Of all connections of the node. */
  readonly snapshotTurns: SnapshotTurns;
  readonly clock: Clock;
  readonly counts: WorkerCounts;
  readonly log: WorkerLog;
  /** It has shown a token of ours; called again when it does so again. */
  readonly onAuthenticated: () => void;
  readonly onClosed: () => void;
}
