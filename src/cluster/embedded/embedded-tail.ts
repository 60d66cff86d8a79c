import type { TailBase, TailChunk } from '../../log/index.ts';
import { LeaseLostError, type OpenTail, type StoredTail } from '../ports.ts';
import type { TailFiles } from './tail-files.ts';

/** Everything that is kept of a shard; nothing where `files` is undefined. */
export async function loadTail(
  files: TailFiles | undefined,
  onUnreadable: (path: string, reason: string) => void,
): Promise<StoredTail> {
  const parts = (await files?.load(onUnreadable)) ?? [];
  const newest = parts.at(-1);
  const sequence = newest?.chunks.at(-1)?.lastSequence ?? newest?.base.sequence ?? 0;
  return { position: { generation: files?.generation ?? '', sequence }, isContinuation: false, parts };
}

/** A tail that is written to files, or nowhere, while the lease is its writer's. */
export class EmbeddedTail implements OpenTail {
  readonly #files: TailFiles | undefined;
  readonly #isHeld: () => boolean;
  readonly #onClosed: () => void;

  constructor(files: TailFiles | undefined, isHeld: () => boolean, onClosed: () => void) {
    this.#files = files;
    this.#isHeld = isHeld;
    this.#onClosed = onClosed;
  }

  get bytes(): number {
    return this.#files?.bytes ?? 0;
  }

  async begin(base: TailBase): Promise<void> {
    this.#check();
    await this.#files?.begin(base);
  }

  async append(chunk: TailChunk, base: () => TailBase): Promise<void> {
    this.#check();
    await this.#files?.append(chunk, base);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onClosed();
    await this.#files?.[Symbol.asyncDispose]();
  }

  #check(): void {
    if (!this.#isHeld()) throw new LeaseLostError('the lease of this tail has passed on');
  }
}
