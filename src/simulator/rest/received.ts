/** What requests were answered, for tests to look at. The newest; without secrets of headers. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ReceivedFile } from './body.ts';

export interface ReceivedRequest {
  /** Milliseconds since 1970. */
  at: number;
  method: string;
  /** Method and template; `unknown` where there is none. */
  route: string;
  /** After `/api/v10`, as it was sent. */
  path: string;
  query: string;
  /** Without `authorization` and `cookie`. */
  headers: IncomingHttpHeaders;
  authorization: 'bot' | 'none' | 'other';
  httpVersion: string;
  status: number;
  /** Null where it was answered before its body was read. */
  body: {
    bytes: number;
    sha256: string;
    files: readonly ReceivedFile[];
    json: unknown;
    isComplete: boolean;
  } | null;
}

const MAX_RECEIVED = 1_000;

/** The JSON of larger bodies is not kept. */
export const MAX_KEPT_JSON_BYTES = 16 * 1024;

export class Received {
  readonly all: ReceivedRequest[] = [];

  add(request: ReceivedRequest): void {
    this.all.push(request);
    if (this.all.length > MAX_RECEIVED) this.all.shift();
  }

  clear(): void {
    this.all.length = 0;
  }
}
