/**
 * Sends a new session its guilds, between READY and the live dispatches: one a step, when its turn comes and the socket
 * takes more. Owns the reading. Numbers and bytes are snapshots.ts.
 */
import type { Delivery } from './delivery.ts';
import type { GuildReading } from './ports.ts';
import type { Steps } from './snapshot-turns.ts';
import { snapshotFrame, snapshotSequence } from './snapshots.ts';
import type { WorkerLink } from './worker-link.ts';
import type { WorkerConnectionOptions } from './worker-options.ts';

export interface SnapshotStreamOptions {
  readonly reading: GuildReading;
  readonly delivery: Delivery;
  readonly link: WorkerLink;
  readonly connection: Pick<WorkerConnectionOptions, 'snapshotTurns' | 'counts' | 'clock'>;
  /** All guilds are written. */
  readonly onEnd: () => void;
}

export class SnapshotStream implements Steps, Disposable {
  readonly #options: SnapshotStreamOptions;
  readonly #startedAtMs: number;
  #sent = 0;

  constructor(options: SnapshotStreamOptions) {
    this.#options = options;
    this.#startedAtMs = options.connection.clock.now();
  }

  get guildIds(): readonly string[] {
    return this.#options.reading.guildIds;
  }

  /** Of the last dispatch that the worker has been sent, READY included. */
  get sequence(): number {
    return snapshotSequence(this.#options.reading, this.#sent);
  }

  /** Goes on, if it does not anyway. */
  resume(): void {
    this.#options.connection.snapshotTurns.add(this);
  }

  step(): boolean {
    const { reading, delivery, link, connection } = this.#options;
    // Behind a close frame nothing may be written; with the connection, this ends.
    if (!link.isOpen || delivery.room <= 0) return false;
    const snapshot = reading.next();
    if (!snapshot) {
      this.#end();
      return false;
    }
    this.#sent++;
    const frame = snapshotFrame(snapshot, this.sequence);
    delivery.write(...frame);
    connection.counts.snapshots++;
    connection.counts.snapshotBytes += frame.reduce((sum, { length }) => sum + length, 0);
    return true;
  }

  [Symbol.dispose](): void {
    this.#options.connection.snapshotTurns.delete(this);
    this.#options.reading[Symbol.dispose]();
  }

  #end(): void {
    const { counts, clock } = this.#options.connection;
    counts.snapshottedSessions++;
    counts.snapshottingMs += clock.now() - this.#startedAtMs;
    this.#options.onEnd();
  }
}
