/** One gateway session: its sequence, what it keeps for RESUME, and whom it sends to. `dispatch` runs per dispatch. */
import { crc32 } from 'node:zlib';
import { epochUs } from './clock.ts';
import type { Guild } from './payloads/guilds.ts';
import { type Replayable, ReplayBuffer } from './replay-buffer.ts';
import { TruthLog } from './truth.ts';

/** The connection a session sends through. */
export interface SessionConnection {
  sendDispatch(payload: Buffer, sequence: number): void;
  /** Another connection has taken the session or the shard over. */
  replaced(): void;
  readonly unsentBytes: number;
}

export type SessionPhase =
  | { kind: 'attached'; connection: SessionConnection }
  | { kind: 'detached'; expiresAtMs: number }
  | { kind: 'ended' };

export interface SessionFacts {
  id: string;
  shard: number;
  intents: number;
  replayCapacity: number;
  /** As in IDENTIFY. */
  largeThreshold: number;
  /** Guilds whose GUILD_CREATE follows READY. */
  guilds: Guild[];
}

export class Session {
  readonly id: string;
  readonly shard: number;
  readonly intents: number;
  readonly largeThreshold: number;
  readonly truth = new TruthLog();
  /** Guilds whose GUILD_CREATE is still to come. */
  readonly pendingGuilds: Guild[];
  /** By guild, where the bot is, of guilds without a true state. */
  readonly voiceChannels = new Map<string, string>();
  phase: SessionPhase;
  sequence = 0;
  #replay: ReplayBuffer;

  constructor(facts: SessionFacts, connection: SessionConnection) {
    this.id = facts.id;
    this.shard = facts.shard;
    this.intents = facts.intents;
    this.largeThreshold = facts.largeThreshold;
    this.pendingGuilds = facts.guilds;
    this.phase = { kind: 'attached', connection };
    this.#replay = new ReplayBuffer(facts.replayCapacity);
  }

  get isConnected(): boolean {
    return this.phase.kind === 'attached';
  }

  /** Whether it can be resumed, or is in use. An expired session ends here. */
  isAlive(nowMs: number): boolean {
    if (this.phase.kind === 'detached' && nowMs >= this.phase.expiresAtMs) this.end();
    return this.phase.kind !== 'ended';
  }

  /**
   * Emits one dispatch with `d` as JSON text, and returns its sequence. With `remake`, the payload is made again for RESUME
   * instead of kept.
   */
  dispatch(t: string, d: string, remake?: () => string): number {
    this.sequence += 1;
    const sequence = this.sequence;
    const payload = renderDispatch(t, sequence, d);
    const kept: Replayable = remake ? () => renderDispatch(t, sequence, remake()) : payload;
    this.#replay.push(kept);
    const checksum = crc32(payload);
    this.truth.append(t, checksum, epochUs());
    if (this.phase.kind === 'attached') this.phase.connection.sendDispatch(payload, sequence);
    return sequence;
  }

  canReplayFrom(sequence: number): boolean {
    return this.#replay.reaches(sequence);
  }

  /** Sends everything after `sequence` again. Only where `canReplayFrom(sequence)`. */
  replayFrom(sequence: number, connection: SessionConnection): void {
    let next = sequence;
    for (const payload of this.#replay.after(sequence)) {
      next += 1;
      connection.sendDispatch(payload, next);
    }
  }

  attach(connection: SessionConnection): void {
    if (this.phase.kind === 'attached') this.phase.connection.replaced();
    this.phase = { kind: 'attached', connection };
  }

  /** Only where `connection` is the one it has: an older one that goes away changes nothing. */
  detach(connection: SessionConnection, expiresAtMs: number): void {
    if (this.phase.kind === 'attached' && this.phase.connection === connection) {
      this.phase = { kind: 'detached', expiresAtMs };
    }
  }

  end(): void {
    if (this.phase.kind === 'ended') return;
    const { phase } = this;
    this.phase = { kind: 'ended' };
    this.pendingGuilds.length = 0;
    this.#replay = new ReplayBuffer(1);
    if (phase.kind === 'attached') phase.connection.replaced();
  }
}

/** Discord's key order. */
function renderDispatch(t: string, sequence: number, d: string): Buffer {
  return Buffer.from(`{"t":"${t}","s":${sequence},"op":0,"d":${d}}`);
}
