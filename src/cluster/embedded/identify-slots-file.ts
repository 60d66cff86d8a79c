/**
 * When each identify bucket was last used, kept over restarts in one small file: a node that died right after an IDENTIFY
 * must not send another within Discord's five seconds.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE_NAME = 'identify-slots.json';

export class IdentifySlotsFile {
  /**
   * Whether a bucket that is missing was never used: so it is where the file is whole, and where there is none (nobody has
   * used this directory). A torn or foreign one could have said anything.
   */
  readonly isComplete: boolean;
  readonly #path: string;
  readonly #lastUsedAtMs: Record<string, number>;
  readonly #onError: (error: Error) => void;

  constructor(directory: string, onError: (error: Error) => void) {
    this.#path = join(directory, FILE_NAME);
    this.#onError = onError;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      onError(error as Error);
    }
    const slots = readSlots(this.#path);
    this.isComplete = slots !== undefined;
    this.#lastUsedAtMs = slots ?? {};
  }

  /** Unix ms. */
  lastUsedAtMs(bucket: number): number | undefined {
    return this.#lastUsedAtMs[bucket];
  }

  /** Synchronous: the slot must be on record before the IDENTIFY is on the wire, and that happens seldom. */
  write(bucket: number, atMs: number): void {
    this.#lastUsedAtMs[bucket] = atMs;
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#lastUsedAtMs));
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      // A full disk must not stop a shard; the slots still hold in memory.
      this.#onError(error as Error);
    }
  }
}

/** `undefined` where the file is there and can't be read: torn by a power cut, perhaps. */
function readSlots(path: string): Record<string, number> | undefined {
  try {
    const slots: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const isWhole =
      slots !== null && typeof slots === 'object' && Object.values(slots).every(Number.isFinite);
    return isWhole && !Array.isArray(slots) ? { ...slots } : undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? {} : undefined;
  }
}
