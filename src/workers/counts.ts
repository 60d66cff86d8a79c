/** What the worker gateway counts since the start: plain numbers, read when metrics are scraped. */
import type { RelayFailure } from './ports.ts';

export class WorkerCounts {
  /** Payloads from workers. */
  received = 0;
  /** Commands taken for Discord. */
  commands = 0;
  /** Commands that came when the shard or the node was on its way out. */
  droppedCommands = 0;
  identifies = 0;
  resumes = 0;
  /** Guilds sent to sessions that began, and what their frames came to. */
  snapshots = 0;
  snapshotBytes = 0;
  /** Sessions that have got all their guilds, and how long that took them together. */
  snapshottedSessions = 0;
  snapshottingMs = 0;
  invalidSessions = 0;
  /** Sessions whose next dispatch had left the log. */
  lost = 0;
  /** Sessions of workers that began at another node, through us. */
  relays = 0;
  /** Attempts at that that came to nothing, by reason. */
  readonly relayFailures = new Map<RelayFailure, number>();
  /** Sessions that began here through another node. */
  relayedSessions = 0;
  /** Connections turned away before the handshake, by HTTP status. */
  readonly refused = new Map<number, number>();
  /** Connections that we closed, by close code. */
  readonly closes = new Map<number, number>();
  /** Connections that ended otherwise. */
  closesByWorkers = 0;

  closed(code: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
  }

  closedByWorker(): void {
    this.closesByWorkers++;
  }

  relayFailed(failure: RelayFailure): void {
    this.relayFailures.set(failure, (this.relayFailures.get(failure) ?? 0) + 1);
  }

  refusedWith(status: number): void {
    this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
  }
}
