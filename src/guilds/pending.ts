/**
 * What has happened to one guild since its body was written, as bytes. Nothing in it is ever overwritten, so whoever remembers
 * where it ended can go on reading up to there.
 */

const LENGTH_BYTES = 4;
/** Room for a presence or a member; it doubles as more comes. */
const FIRST_BYTES = 512;

export interface PendingView {
  readonly bytes: Buffer;
  readonly end: number;
}

export class Pending {
  #bytes: Buffer;
  #end = 0;

  constructor(minBytes = 0) {
    this.#bytes = Buffer.allocUnsafeSlow(roomFor(minBytes));
  }

  /** What a view showed, from elsewhere; `undefined` where it is not whole. */
  static of(bytes: Buffer): Pending | undefined {
    if (!isWhole(bytes)) return undefined;
    const pending = new Pending(bytes.length);
    pending.#end = bytes.copy(pending.#bytes);
    return pending;
  }

  /** Memory it takes. */
  get sizeBytes(): number {
    return this.#bytes.length;
  }

  get view(): PendingView {
    return { bytes: this.#bytes, end: this.#end };
  }

  append(bytes: Buffer, start: number, end: number): void {
    const needed = this.#end + LENGTH_BYTES + end - start;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#bytes.writeUInt32LE(end - start, this.#end);
    bytes.copy(this.#bytes, this.#end + LENGTH_BYTES, start, end);
    this.#end = needed;
  }

  /** What has come since `view` was looked at; `undefined` where nothing has. */
  after(view: PendingView): Pending | undefined {
    if (this.#end === view.end) return undefined;
    const rest = new Pending(this.#end - view.end);
    rest.#end = this.#bytes.copy(rest.#bytes, 0, view.end, this.#end);
    return rest;
  }

  /** Views keep the old bytes; what they saw is at the same place in the new ones. */
  #grow(minBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(roomFor(minBytes));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

function roomFor(bytes: number): number {
  let room = FIRST_BYTES;
  while (room < bytes) room *= 2;
  return room;
}

function isWhole(bytes: Buffer): boolean {
  let offset = 0;
  while (offset + LENGTH_BYTES <= bytes.length) offset += LENGTH_BYTES + bytes.readUInt32LE(offset);
  return offset === bytes.length;
}

/** The payloads in order. */
export function* payloadsIn({ bytes, end }: PendingView): Generator<string> {
  for (let offset = 0; offset < end; ) {
    const start = offset + LENGTH_BYTES;
    offset = start + bytes.readUInt32LE(offset);
    yield bytes.toString('utf8', start, offset);
  }
}
