/** Reads what a request carries. Files are counted and hashed as they pass, never kept. */
import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { boundaryOf, MultipartReader, type PartHead, type PartSink } from './multipart.ts';

export interface ReceivedFile {
  /** As in `files[0]`. */
  field: string;
  filename: string;
  contentType: string | undefined;
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** `json` of a form is its `payload_json`, or its plain fields where it has none. */
export type BodyContent =
  | { kind: 'empty' }
  | { kind: 'json'; json: unknown }
  | { kind: 'form'; json: unknown; files: ReceivedFile[] }
  | { kind: 'not-json' }
  | { kind: 'not-a-form' }
  | { kind: 'too-large' }
  | { kind: 'aborted' };

export interface ReceivedBody {
  bytes: number;
  /** Of the whole body, hex. */
  sha256: string;
  content: BodyContent;
}

export interface BodyLimits {
  maxJsonBytes: number;
  maxFileBytes: number;
  /** Reads no faster than this; Infinity by default. */
  bytesPerSecond?: number;
}

const MAX_FILES = 10;
const MAX_FIELDS = 50;

interface Taker {
  write(chunk: Buffer): void;
  finish(): BodyContent;
}

class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/** Never rejects: what is wrong with a body is its content. What is over a limit is still read to its end. */
export function readBody(request: Readable, contentType: string, limits: BodyLimits): Promise<ReceivedBody> {
  const boundary = boundaryOf(contentType);
  const taker = boundary === undefined ? new TextTaker(limits) : new FormTaker(boundary, limits);
  const hash = createHash('sha256');
  let bytes = 0;
  let failure: BodyContent | undefined;
  const attempt = <Outcome>(act: () => Outcome): Outcome | undefined => {
    try {
      return act();
    } catch (error) {
      failure ??= { kind: error instanceof TooLargeError ? 'too-large' : 'not-a-form' };
      return undefined;
    }
  };
  return new Promise((resolve) => {
    let isSettled = false;
    const settle = (content: BodyContent) => {
      if (isSettled) return;
      isSettled = true;
      resolve({ bytes, sha256: hash.digest('hex'), content });
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      hash.update(chunk);
      if (!failure) attempt(() => taker.write(chunk));
      slowDown(request, chunk.length, limits.bytesPerSecond);
    });
    request.once('end', () => {
      const content = failure ? undefined : attempt(() => taker.finish());
      settle(failure ?? content ?? { kind: 'empty' });
    });
    const abort = () => {
      if (!request.readableEnded) settle({ kind: 'aborted' });
    };
    request.once('close', abort);
    request.once('error', abort);
  });
}

function slowDown(request: Readable, bytes: number, bytesPerSecond = Number.POSITIVE_INFINITY): void {
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return;
  request.pause();
  setTimeout(() => request.resume(), (bytes / bytesPerSecond) * 1_000);
}

class TextTaker implements Taker {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor({ maxJsonBytes }: BodyLimits) {
    this.#maxBytes = maxJsonBytes;
  }

  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw new TooLargeError();
    this.#chunks.push(chunk);
  }

  finish(): BodyContent {
    if (this.#bytes === 0) return { kind: 'empty' };
    return jsonOf(Buffer.concat(this.#chunks).toString('utf8'));
  }
}

class FormTaker implements Taker {
  readonly #reader: MultipartReader;
  readonly #limits: BodyLimits;
  readonly #fields = new Map<string, string>();
  readonly #files: ReceivedFile[] = [];
  #fieldBytes = 0;

  constructor(boundary: string, limits: BodyLimits) {
    this.#limits = limits;
    this.#reader = new MultipartReader(boundary, (head) => this.#open(head));
  }

  write(chunk: Buffer): void {
    this.#reader.write(chunk);
  }

  finish(): BodyContent {
    this.#reader.end();
    const payload = this.#fields.get('payload_json');
    if (payload === undefined)
      return { kind: 'form', json: Object.fromEntries(this.#fields), files: this.#files };
    const parsed = jsonOf(payload);
    return parsed.kind === 'json' ? { kind: 'form', json: parsed.json, files: this.#files } : parsed;
  }

  #open(head: PartHead): PartSink {
    const { filename } = head;
    if (filename !== undefined) return this.#openFile(head, filename);
    if (this.#fields.size >= MAX_FIELDS) throw new TooLargeError();
    const chunks: Buffer[] = [];
    return {
      write: (bytes) => {
        this.#fieldBytes += bytes.length;
        if (this.#fieldBytes > this.#limits.maxJsonBytes) throw new TooLargeError();
        chunks.push(Buffer.from(bytes));
      },
      end: () => void this.#fields.set(head.name, Buffer.concat(chunks).toString('utf8')),
    };
  }

  #openFile({ name, contentType }: PartHead, filename: string): PartSink {
    if (this.#files.length >= MAX_FILES) throw new TooLargeError();
    const hash: Hash = createHash('sha256');
    const file: ReceivedFile = { field: name, filename, contentType, bytes: 0, sha256: '' };
    this.#files.push(file);
    return {
      write: (bytes) => {
        file.bytes += bytes.length;
        if (file.bytes > this.#limits.maxFileBytes) throw new TooLargeError();
        hash.update(bytes);
      },
      end: () => {
        file.sha256 = hash.digest('hex');
      },
    };
  }
}

/** Some libraries send ids as numbers, which are too large for one: they are read as the texts that they are. */
const ID_AS_NUMBER = /[:[,]\s*\d{17,20}\s*[,\]}]/;

function idAsText(_: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isId = typeof value === 'number' && !Number.isSafeInteger(value) && /^\d{17,20}$/.test(source ?? '');
  return isId ? source : value;
}

function jsonOf(text: string): BodyContent {
  try {
    return { kind: 'json', json: JSON.parse(text, ID_AS_NUMBER.test(text) ? idAsText : undefined) };
  } catch {
    return { kind: 'not-json' };
  }
}
