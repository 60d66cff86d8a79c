/**
 * Dispatches that may change a guild, as they came, until somebody has the time to see which guild each is of. On the hot path:
 * adding one is a copy. Blocks are used again once what is in them was taken.
 */

/** Length of the payload (4 bytes), event type id (2), sequence (8). */
const HEADER_BYTES = 14;

/** One block is taken at a time, which should take no longer than a fifth of a millisecond. */
const BLOCK_BYTES = 64 * 1024;

/** Blocks kept for use again. */
const MAX_SPARE_BLOCKS = 4;

interface Block {
  readonly bytes: Buffer;
  end: number;
}

/** Without room, so that nothing is ever written to it. */
const NO_BLOCK: Block = { bytes: Buffer.alloc(0), end: 0 };

export interface Arrival {
  sequence: number;
  typeId: number;
  bytes: Buffer;
  start: number;
  end: number;
}

export class Arrivals {
  #full: Block[] = [];
  #open = NO_BLOCK;
  readonly #spare: Block[] = [];
  /** The same for each arrival: nothing is allocated for one. */
  readonly #arrival: Arrival = {
    sequence: 0,
    typeId: 0,
    bytes: Buffer.alloc(0),
    start: 0,
    end: 0,
  };
  /** Memory of what waits. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.#full.length === 0 && this.#open.end === 0;
  }

  add(sequence: number, typeId: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    let block = this.#open;
    if (block.end + HEADER_BYTES + length > block.bytes.length) block = this.#next(HEADER_BYTES + length);
    const offset = block.end;
    block.bytes.writeUInt32LE(length, offset);
    block.bytes.writeUInt16LE(typeId, offset + 4);
    block.bytes.writeDoubleLE(sequence, offset + 6);
    bytes.copy(block.bytes, offset + HEADER_BYTES, start, end);
    block.end = offset + HEADER_BYTES + length;
    this.bytes += HEADER_BYTES + length;
  }

  /** Hands out the oldest block's dispatches in order. `take` gets an object that the next one overwrites, and bytes that later ones do. */
  takeBlock(take: (arrival: Readonly<Arrival>) => void): void {
    const block = this.#full.shift() ?? this.#open;
    if (block === this.#open) this.#open = this.#spare.pop() ?? NO_BLOCK;
    const arrival = this.#arrival;
    this.bytes -= block.end;
    for (let offset = 0; offset < block.end; ) {
      arrival.bytes = block.bytes;
      arrival.typeId = block.bytes.readUInt16LE(offset + 4);
      arrival.sequence = block.bytes.readDoubleLE(offset + 6);
      arrival.start = offset + HEADER_BYTES;
      arrival.end = arrival.start + block.bytes.readUInt32LE(offset);
      offset = arrival.end;
      take(arrival);
    }
    if (block.bytes.length === BLOCK_BYTES && this.#spare.length < MAX_SPARE_BLOCKS) {
      block.end = 0;
      this.#spare.push(block);
    }
  }

  clear(): void {
    this.#full = [];
    this.#open = NO_BLOCK;
    this.bytes = 0;
  }

  /** A larger dispatch has a block for itself. */
  #next(bytes: number): Block {
    if (this.#open.end > 0) this.#full.push(this.#open);
    const spare = bytes <= BLOCK_BYTES ? this.#spare.pop() : undefined;
    this.#open = spare ?? newBlock(Math.max(bytes, BLOCK_BYTES));
    return this.#open;
  }
}

function newBlock(bytes: number): Block {
  return { bytes: Buffer.allocUnsafeSlow(bytes), end: 0 };
}
