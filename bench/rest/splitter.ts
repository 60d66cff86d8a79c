/** Splits a connection's bytes into HTTP/1.1 messages: heads as text, bodies counted and passed over. For peers that are ours: bodies have a length. Pure. */

export interface MessageListener {
  onHead(head: string): void;
  /** The message is whole. */
  onEnd(): void;
}

const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding:/i;

export class MessageSplitter {
  readonly #listener: MessageListener;
  /** The beginning of a head. */
  #pending: Buffer | undefined;
  #bodyLeft = 0;

  constructor(listener: MessageListener) {
    this.#listener = listener;
  }

  push(chunk: Buffer): void {
    let at = 0;
    if (this.#bodyLeft > 0) {
      at = Math.min(this.#bodyLeft, chunk.length);
      this.#bodyLeft -= at;
      if (this.#bodyLeft > 0) return;
      this.#listener.onEnd();
    }
    let bytes = at === 0 ? chunk : chunk.subarray(at);
    if (this.#pending) bytes = Buffer.concat([this.#pending, bytes]);
    this.#pending = this.#heads(bytes);
  }

  /** Gives what is left over. */
  #heads(bytes: Buffer): Buffer | undefined {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(HEAD_END, at, 'latin1');
      if (end < 0) return bytes.subarray(at);
      const head = bytes.toString('latin1', at, end);
      if (CHUNKED.test(head)) throw new Error('a body without a length');
      const length = Number(LENGTH.exec(head)?.[1] ?? 0);
      this.#listener.onHead(head);
      const bodyAt = end + HEAD_END.length;
      at = Math.min(bytes.length, bodyAt + length);
      this.#bodyLeft = bodyAt + length - at;
      if (this.#bodyLeft === 0) this.#listener.onEnd();
    }
    return undefined;
  }
}
