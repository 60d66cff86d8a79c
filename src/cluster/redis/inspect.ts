/** Looks at what answers at `redis.hosts` before anything is connected for good: so that a refusal can say why. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Redis } from 'ioredis';
import { ClusterStoreError } from '../ports.ts';
import { probeOptions } from './client-options.ts';
import type { RedisAddress, RedisConnectionOptions } from './options.ts';
import {
  type Failure,
  parseInfo,
  placeOf,
  type Refusal,
  refusalOfCluster,
  refusalOfFailure,
  refusalOfServer,
  type ServerInfo,
  warningsOf,
} from './refusals.ts';

/** Not now; another attempt is worth it. */
export class NotYetError extends Error {
  override name = 'NotYetError';
}

export function raise({ kind, message }: Refusal): never {
  throw kind === 'later' ? new NotYetError(message) : new ClusterStoreError(message);
}

/**
 * Resolves with warnings where this Redis will do.
 * @throws {NotYetError | ClusterStoreError}
 */
export async function inspect(options: RedisConnectionOptions): Promise<string[]> {
  const { mode, hosts, database } = options;
  if (mode === 'sentinel') {
    const master = await firstOf(hosts, (sentinel) => findMaster(sentinel, options));
    return inspectServer(master, options);
  }
  if (mode === 'cluster' && database) {
    throw new ClusterStoreError('redis.database: a Redis Cluster has only database 0');
  }
  return firstOf(hosts, (host) => inspectServer(host, options));
}

/** The first that answers; what a server will never do is told at once. */
async function firstOf<Found>(
  hosts: readonly RedisAddress[],
  look: (host: RedisAddress) => Promise<Found>,
): Promise<Found> {
  let failure: unknown = new ClusterStoreError('redis.hosts: is empty');
  for (const host of hosts) {
    try {
      return await look(host);
    } catch (error) {
      if (!(error instanceof NotYetError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function findMaster(sentinel: RedisAddress, options: RedisConnectionOptions): Promise<RedisAddress> {
  const { sentinelName = '' } = options;
  const place = placeOf(sentinel);
  const reply = await ask(sentinel, options, 'sentinel', async (client) => {
    return client.call('sentinel', 'get-master-addr-by-name', sentinelName).catch((error: Error) => {
      if (!/unknown command/i.test(error.message)) throw error;
      throw new ClusterStoreError(
        `redis.mode: ${place} is no Sentinel; set redis.mode to standalone or cluster`,
      );
    });
  });
  if (!Array.isArray(reply)) {
    throw new ClusterStoreError(
      `redis.sentinelName: the Sentinel at ${place} knows no master ${sentinelName}`,
    );
  }
  return { host: String(reply[0]), port: Number(reply[1]) };
}

async function inspectServer(address: RedisAddress, options: RedisConnectionOptions): Promise<string[]> {
  const place = placeOf(address);
  const info: ServerInfo = await ask(address, options, 'server', async (client) => {
    const text = await client.info();
    const refusal = refusalOfServer(parseInfo(text), place, options.mode);
    if (refusal) raise(refusal);
    if (options.mode === 'cluster') await inspectCluster(client, place);
    if (options.database) await client.select(options.database);
    return parseInfo(text);
  });
  return warningsOf(info, place);
}

async function inspectCluster(client: Redis, place: string): Promise<void> {
  const refusal = refusalOfCluster(parseInfo(await client.cluster('INFO')), place);
  if (refusal) raise(refusal);
}

/** Over a connection of its own, that ends with it. */
async function ask<Answer>(
  address: RedisAddress,
  options: RedisConnectionOptions,
  kind: 'server' | 'sentinel',
  question: (client: Redis) => Promise<Answer>,
): Promise<Answer> {
  const { username, password, sentinelPassword, commandTimeoutMs } = options;
  const credentials = kind === 'sentinel' ? { password: sentinelPassword } : { username, password };
  let lastError: Error | undefined;
  const client = new Redis(probeOptions(address, options, credentials));
  client.on('error', (error) => {
    lastError ??= error;
  });
  try {
    await client.connect();
    return await question(client);
  } catch (error) {
    if (error instanceof ClusterStoreError || error instanceof NotYetError) throw error;
    const failure = await explain(
      lastError ?? (error as Error),
      address,
      options.tls !== undefined,
      commandTimeoutMs,
    );
    return raise(refusalOfFailure(failure, placeOf(address), options, kind === 'sentinel'));
  } finally {
    client.disconnect();
  }
}

/** A server that hangs up without a word, or waits, may be one that wants TLS, or one that knows none. */
async function explain(
  error: Error & { readonly code?: string },
  address: RedisAddress,
  usesTls: boolean,
  timeoutMs: number,
): Promise<Failure> {
  const { code, message } = error;
  const isSilent = /^(?:ECONNRESET|EPIPE|ETIMEDOUT)$/.test(code ?? '') || /is closed|timed out/.test(message);
  if (!isSilent) return { code, message };
  const speaksOther = await (usesTls ? answersPlain(address, timeoutMs) : answersTls(address, timeoutMs));
  if (speaksOther) return { code: usesTls ? 'SPEAKS_NO_TLS' : 'SPEAKS_TLS', message };
  return { code, message: message === 'Connection is closed.' ? 'it closed the connection' : message };
}

/** Whether a TLS handshake gets anywhere. Nothing is sent over it. */
function answersTls({ host, port }: RedisAddress, timeoutMs: number): Promise<boolean> {
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  // An alert is TLS too: it wants a certificate, say.
  const isAlert = ({ code = '' }: NodeJS.ErrnoException) => /^ERR_SSL_.*ALERT/.test(code);
  return answerOf(socket, 'secureConnect', isAlert, timeoutMs);
}

/** Whether a server answers without TLS. */
function answersPlain({ host, port }: RedisAddress, timeoutMs: number): Promise<boolean> {
  const socket = connectTcp({ host, port });
  socket.write('PING\r\n');
  return answerOf(socket, 'data', () => false, timeoutMs);
}

function answerOf(
  socket: Socket,
  event: 'data' | 'secureConnect',
  isAnswer: (error: NodeJS.ErrnoException) => boolean,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise<boolean>((done) => {
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once(event, (bytes?: Buffer) =>
      done(bytes === undefined || /^[+-]/.test(bytes.toString('latin1'))),
    );
    socket.once('error', (error) => done(isAnswer(error)));
    socket.once('close', () => done(false));
  }).finally(() => socket.destroy());
}
