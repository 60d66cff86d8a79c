/**
 * How nodes know each other's requests: a header with a time, a nonce and a MAC under a key made from the cluster secret. It says that
 * somebody with the secret made this request just now, for this path; it does not encrypt anything.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { wallClockMs } from '../../runtime/wall-clock.ts';

/** `v1.<unix ms>.<nonce>.<MAC>`; HAProxy drops it from what workers send. */
export const RELAY_HEADER = 'x-shardmux-relay';
/** The sender's node id, percent-encoded. */
export const NODE_HEADER = 'x-shardmux-node';

const VERSION = 'v1';
const KEY_BYTES = 32;
const NONCE_BYTES = 16;

/** By how much a header's time may differ from the receiver's clock, either way. */
export const PEER_HEADER_WINDOW_MS = 30_000;

/** Nonces that are remembered, some 15 MB: what is more in one window is refused, and asked again by the relaying node. */
const MAX_NONCES = 131_072;

const FORMAT = /^v1\.(\d{1,15})\.([\w-]{22})\.([\w-]{43})$/;
const NODE_ID = /^[\w.~!*'()%-]{1,384}$/;

/** The key for requests between nodes; it does not give the cluster secret away. */
export function relayKey(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'shardmux relay between nodes', KEY_BYTES));
}

export interface PeerIdentity {
  readonly key: Buffer;
  readonly nodeId: string;
}

/** The headers for one request to another node. `path` is without a query. */
export function signPeerRequest(
  { key, nodeId }: PeerIdentity,
  path: string,
  nowMs: number = wallClockMs(),
): Record<string, string> {
  const time = String(Math.trunc(nowMs));
  const nonce = randomBytes(NONCE_BYTES).toString('base64url');
  const node = encodeURIComponent(nodeId);
  const signature = mac(key, [VERSION, time, nonce, path, node]).toString('base64url');
  return { [RELAY_HEADER]: `${VERSION}.${time}.${nonce}.${signature}`, [NODE_HEADER]: node };
}

export type PeerHeaderReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'valid'; readonly nodeId: string }
  | { readonly kind: 'invalid'; readonly why: string };

export interface PeerHeadersOptions {
  readonly key: Buffer;
  /** Unit: ms since the Unix epoch. */
  readonly nowMs?: () => number;
  readonly maxNonces?: number;
}

/** Reads the headers of others, each once. */
export class PeerHeaders {
  readonly #key: Buffer;
  readonly #nowMs: () => number;
  readonly #maxNonces: number;
  /** Nonces of valid headers, with the time from which on the header would be too old anyway; oldest first. */
  readonly #used = new Map<string, number>();

  constructor({ key, nowMs = wallClockMs, maxNonces = MAX_NONCES }: PeerHeadersOptions) {
    this.#maxNonces = maxNonces;
    this.#key = key;
    this.#nowMs = nowMs;
  }

  read(request: {
    readonly path: string;
    readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  }): PeerHeaderReading {
    const header = request.headers[RELAY_HEADER];
    if (header === undefined) return { kind: 'none' };
    const node = String(request.headers[NODE_HEADER] ?? '');
    const [, time = '', nonce = '', given = ''] = FORMAT.exec(String(header)) ?? [];
    if (given === '' || !NODE_ID.test(node)) return invalid('is malformed');
    const expected = mac(this.#key, [VERSION, time, nonce, request.path, node]);
    // Nothing is said or remembered of the rest before this: it may be a stranger's.
    if (!isSame(expected, Buffer.from(given, 'base64url'))) {
      return invalid('is not signed for this path with the cluster secret of this node');
    }
    const nowMs = this.#nowMs();
    const aheadMs = Number(time) - nowMs;
    if (Math.abs(aheadMs) > PEER_HEADER_WINDOW_MS) {
      const seconds = Math.round(Math.abs(aheadMs) / 1000);
      return invalid(
        `is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock here; set the clocks of the nodes`,
      );
    }
    return this.#useUp(nonce, nowMs) ?? { kind: 'valid', nodeId: decodeURIComponent(node) };
  }

  #useUp(nonce: string, nowMs: number): PeerHeaderReading | undefined {
    for (const [old, untilMs] of this.#used) {
      if (untilMs > nowMs) break;
      this.#used.delete(old);
    }
    if (this.#used.has(nonce)) return invalid('was used before');
    if (this.#used.size >= this.#maxNonces) return invalid('is one too many in a minute');
    // Its time may be ahead of ours by the window, and it stays good for another window behind that.
    this.#used.set(nonce, nowMs + 2 * PEER_HEADER_WINDOW_MS + 1);
    return undefined;
  }
}

function mac(key: Buffer, parts: readonly string[]): Buffer {
  return createHmac('sha256', key).update(parts.join('\n')).digest();
}

function isSame(expected: Buffer, given: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function invalid(what: string): PeerHeaderReading {
  return { kind: 'invalid', why: `the header ${RELAY_HEADER} ${what}` };
}
