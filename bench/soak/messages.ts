/**
 * What the program and its worker processes tell each other. A process gets one line of JSON on its stdin and says that it is ready;
 * a second line lets it begin. It writes lines of JSON to its stdout, and ends when its time is over.
 */

export interface WorkersStart {
  /** `http://host:port` of HAProxy. */
  readonly url: string;
  /** By worker. */
  readonly tokens: readonly string[];
  readonly callers: readonly CallerStart[];
  readonly deadlineMs: number;
}

export interface CallerStart {
  readonly bucket: number;
  readonly worker: number;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object | undefined;
  /** The status that tells that Discord has carried it out. */
  readonly status: number;
}

/** Times of the monotonic clock. */
export interface Begin {
  readonly endAtMs: number;
}

/** What became of a request; what is reported is the index. */
export const OUTCOMES = [
  'done',
  /** A 429 of shardmux's own. */
  'refused',
  /** A 429 of Discord's, passed on. */
  'limited',
  /** 502, 503 or 504. */
  'unavailable',
  /** The connection broke, or there was none. */
  'broken',
  /** Any other answer. */
  'wrong',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export type WorkersReport =
  | readonly ['ready']
  /** For each answer: its bucket, its outcome, when it came (monotonic ms), and how long it took (ms). */
  | readonly ['answers', ...columns: number[]]
  /** An example of an outcome that was not `done`. */
  | readonly ['example', outcome: Outcome, text: string];

export const COLUMNS = 4;
