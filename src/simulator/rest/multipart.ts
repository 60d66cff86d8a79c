/** Reads multipart/form-data as it arrives, never holding more of a file than a chunk. https://www.rfc-editor.org/rfc/rfc7578 */

export interface PartHead {
  name: string;
  /** Undefined for a plain field. */
  filename: string | undefined;
  contentType: string | undefined;
}

export interface PartSink {
  write(bytes: Buffer): void;
  end(): void;
}

export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}

const MAX_HEAD_BYTES = 8 * 1024;
const LINE_END = '\r\n';

/** The boundary of a content type; undefined where it is no form. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\b/i.test(contentType)) return undefined;
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType) ?? [];
  return quoted ?? plain;
}

export class MultipartReader {
  readonly #delimiter: Buffer;
  readonly #open: (head: PartHead) => PartSink;
  /** Begins with a line end, so that the first delimiter is like all others. */
  #unread: Buffer = Buffer.from(LINE_END);
  #at: 'preamble' | 'delimiter' | 'head' | 'content' | 'end' = 'preamble';
  #part: PartSink | undefined;

  constructor(boundary: string, open: (head: PartHead) => PartSink) {
    this.#delimiter = Buffer.from(`${LINE_END}--${boundary}`);
    this.#open = open;
  }

  /** Throws a MultipartError. */
  write(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    while (this.#step());
  }

  /** Throws a MultipartError where the last delimiter has not been seen. */
  end(): void {
    if (this.#at !== 'end') throw new MultipartError('the form has no end');
  }

  /** Whether there may be more to do with what is unread. */
  #step(): boolean {
    switch (this.#at) {
      case 'preamble':
      case 'content':
        return this.#readContent();
      case 'delimiter':
        return this.#readDelimiter();
      case 'head':
        return this.#readHead();
      case 'end':
        this.#unread = Buffer.alloc(0);
        return false;
    }
  }

  #readContent(): boolean {
    const end = this.#unread.indexOf(this.#delimiter);
    // What could be the beginning of a delimiter waits for the next chunk.
    const ready = end >= 0 ? end : Math.max(0, this.#unread.length - this.#delimiter.length + 1);
    if (ready > 0) this.#part?.write(this.#unread.subarray(0, ready));
    this.#unread = this.#unread.subarray(end >= 0 ? end + this.#delimiter.length : ready);
    if (end < 0) return false;
    this.#part?.end();
    this.#part = undefined;
    this.#at = 'delimiter';
    return true;
  }

  #readDelimiter(): boolean {
    if (this.#unread.length < 2) return false;
    const next = this.#unread.toString('latin1', 0, 2);
    if (next !== LINE_END && next !== '--') throw new MultipartError('a delimiter goes on');
    this.#unread = this.#unread.subarray(2);
    this.#at = next === '--' ? 'end' : 'head';
    return true;
  }

  #readHead(): boolean {
    const end = this.#unread.indexOf(LINE_END + LINE_END);
    if (end < 0 && this.#unread.length <= MAX_HEAD_BYTES) return false;
    if (end < 0 || end > MAX_HEAD_BYTES) throw new MultipartError('the head of a part is too long');
    this.#part = this.#open(partHead(this.#unread.toString('utf8', 0, end)));
    this.#unread = this.#unread.subarray(end + 2 * LINE_END.length);
    this.#at = 'content';
    return true;
  }
}

function partHead(text: string): PartHead {
  const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(text)?.[1] ?? '';
  const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1];
  if (name === undefined) throw new MultipartError('a part has no name');
  return {
    name,
    filename: /;\s*filename="([^"]*)"/i.exec(disposition)?.[1],
    contentType: /^content-type:\s*(\S.*?)\s*$/im.exec(text)?.[1],
  };
}
