/**
 * When each identify bucket was last used, kept over restarts in one small file: a node that died right after an IDENTIFY
 * must not send another within Discord's five seconds.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalIdentifySlots } from '../../upstream/index.ts';

const FILE_NAME = 'identify-slots.json';

export class IdentifySlotsFile implements LocalIdentifySlots {
  readonly #path: string;
  readonly #lastIdentifyAtMs: Record<string, number>;
  readonly #onError: (error: Error) => void;

  constructor(directory: string, onError: (error: Error) => void) {
    this.#path = join(directory, FILE_NAME);
    this.#onError = onError;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      onError(error as Error);
    }
    this.#lastIdentifyAtMs = readSlots(this.#path);
  }

  lastIdentifyAtMs(bucket: number): number {
    return this.#lastIdentifyAtMs[bucket] ?? 0;
  }

  /** Synchronous: the slot must be on record before the IDENTIFY is on the wire, and that happens seldom. */
  recordIdentify(bucket: number, atMs: number): void {
    this.#lastIdentifyAtMs[bucket] = atMs;
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#lastIdentifyAtMs));
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      // A full disk must not stop a shard; the slots still hold in memory.
      this.#onError(error as Error);
    }
  }
}

function readSlots(path: string): Record<string, number> {
  try {
    const slots: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Object.fromEntries(Object.entries(slots ?? {}).filter(([, atMs]) => Number.isFinite(atMs)));
  } catch {
    // Missing at the first start, or torn by a power cut: both mean that nothing is known.
    return {};
  }
}

/** Slots that last as long as the process. */
export class IdentifySlotsMemory implements LocalIdentifySlots {
  readonly #lastIdentifyAtMs = new Map<number, number>();
  readonly #startedAtMs: number;

  /** Nothing is known of an earlier process, so each bucket counts as used when this one started. */
  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  lastIdentifyAtMs(bucket: number): number {
    return this.#lastIdentifyAtMs.get(bucket) ?? this.#startedAtMs;
  }

  recordIdentify(bucket: number, atMs: number): void {
    this.#lastIdentifyAtMs.set(bucket, atMs);
  }
}
