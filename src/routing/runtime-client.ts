/**
 * Runs one command line on HAProxy's Runtime API over a connection of its own. A connection that is kept would stay with
 * the old process after a reload, so none is. Does not know what commands or answers mean.
 */
import { connect, type NetConnectOpts } from 'node:net';

import type { Clock } from '../runtime/clock.ts';
import { type SocketProblem, socketReason } from './diagnosis.ts';

/** Longest answer that is read, in bytes; the longest we ask for is some 100 bytes a server or key. */
const MAX_ANSWER_BYTES = 1024 * 1024;

const PROBLEM_OF_SYSTEM_ERROR: ReadonlyMap<string, SocketProblem> = new Map([
  ['ENOENT', 'socket-missing'],
  ['EACCES', 'socket-forbidden'],
  ['EPERM', 'socket-forbidden'],
  ['ECONNREFUSED', 'not-listening'],
  ['ECONNRESET', 'cut-off'],
  ['EPIPE', 'cut-off'],
]);

/** The address of a stats socket is malformed: a mistake in the configuration. */
export class RuntimeAddressError extends Error {
  override readonly name = 'RuntimeAddressError';
}

/** A command could not be carried out; the message says what to do. */
export class RuntimeSocketError extends Error {
  override readonly name = 'RuntimeSocketError';
  readonly problem: SocketProblem;

  constructor(problem: SocketProblem, socket: string, detail: string, options?: ErrorOptions) {
    super(socketReason(problem, socket, detail), options);
    this.problem = problem;
  }
}

export interface RuntimeCommandOptions {
  readonly clock: Clock;
  /** From connecting to the whole answer. */
  readonly timeoutMs: number;
  /** Ends the command; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Where a stats socket is: `unix@/path`, `/path`, `tcp@host:port`, `ipv4@host:port` or `ipv6@host:port`
 * (an IPv6 address may stand in brackets).
 * @throws {RuntimeAddressError} when it is none of them.
 */
export function parseRuntimeAddress(address: string): NetConnectOpts {
  const path = /^(?:unix@)?(\/.+)$/.exec(address)?.[1];
  if (path !== undefined) return { path };
  const [, host, port] = /^(?:tcp|ipv4|ipv6)@(.+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new RuntimeAddressError(
      `"${address}" is no address of a stats socket: expected unix@/path, /path or tcp@host:port`,
    );
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/**
 * Runs one line (several commands may be joined by `;`) and resolves to everything HAProxy answers.
 * @throws {RuntimeSocketError} @throws {RuntimeAddressError}
 */
export function runRuntimeCommand(
  address: string,
  line: string,
  options: RuntimeCommandOptions,
): Promise<string> {
  const { clock, timeoutMs, signal } = options;
  const target = parseRuntimeAddress(address);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const socket = connect(target);
    const chunks: Buffer[] = [];
    let receivedBytes = 0;
    const settle = (outcome: () => void) => {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      outcome();
    };
    const fail = (problem: SocketProblem, detail: string, cause?: unknown) =>
      settle(() => reject(new RuntimeSocketError(problem, address, detail, { cause })));
    const onAbort = () => settle(() => reject(signal?.reason));
    const timer = clock.setTimer(() => fail('timed-out', `${timeoutMs} ms`), timeoutMs);
    signal?.addEventListener('abort', onAbort);

    socket.on('connect', () => socket.write(`${line}\n`));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      receivedBytes += chunk.length;
      if (receivedBytes > MAX_ANSWER_BYTES) fail('answer-too-long', `${MAX_ANSWER_BYTES} bytes`);
    });
    // HAProxy ends every answer with an empty line and then closes: nothing at all means that it never ran the command.
    socket.on('end', () => {
      if (receivedBytes === 0) fail('cut-off', 'end of stream');
      else settle(() => resolve(Buffer.concat(chunks).toString()));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      fail(PROBLEM_OF_SYSTEM_ERROR.get(code) ?? 'unreachable', code, error);
    });
  });
}
