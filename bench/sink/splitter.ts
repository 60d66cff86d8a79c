/** Cuts a byte stream into frames without copying, but for the one frame that lies across two chunks. Runs per event. */

/** Room for a frame across chunks; the largest we await is a READY. */
const INITIAL_CARRY_BYTES = 128 * 1024;

/** The longest header of a frame. */
const MAX_HEADER_BYTES = 10;

export type FrameListener = (bytes: Buffer, start: number, end: number, receivedUs: number) => void;

export class FrameSplitter {
  readonly #measure: (bytes: Uint8Array, at: number, end: number) => number;
  readonly #onFrame: FrameListener;
  #carry = Buffer.allocUnsafeSlow(INITIAL_CARRY_BYTES);
  #carried = 0;

  /** `measure` tells a frame's bytes, or 0 while its header is incomplete. */
  constructor(measure: (bytes: Uint8Array, at: number, end: number) => number, onFrame: FrameListener) {
    this.#measure = measure;
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer, count: number, receivedUs: number): void {
    let at = this.#carried > 0 ? this.#finishCarried(chunk, count, receivedUs) : 0;
    while (at < count) {
      const size = this.#measure(chunk, at, count);
      if (size === 0 || at + size > count) {
        this.#keep(chunk, at, count);
        return;
      }
      this.#onFrame(chunk, at, at + size, receivedUs);
      at += size;
    }
  }

  /** Returns how much of the chunk belonged to the carried frame. */
  #finishCarried(chunk: Buffer, count: number, receivedUs: number): number {
    let used = 0;
    let size = this.#measure(this.#carry, 0, this.#carried);
    while (size === 0 && used < count && this.#carried < MAX_HEADER_BYTES) {
      this.#keep(chunk, used, used + 1);
      used++;
      size = this.#measure(this.#carry, 0, this.#carried);
    }
    if (size === 0) return used;
    const take = Math.min(size - this.#carried, count - used);
    this.#keep(chunk, used, used + take);
    if (this.#carried === size) {
      this.#carried = 0;
      this.#onFrame(this.#carry, 0, size, receivedUs);
    }
    return used + take;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const needed = this.#carried + to - from;
    if (needed > this.#carry.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2);
      this.#carry.copy(larger, 0, 0, this.#carried);
      this.#carry = larger;
    }
    chunk.copy(this.#carry, this.#carried, from, to);
    this.#carried = needed;
  }
}
