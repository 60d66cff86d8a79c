/** The store, and how it is opened: it is found out whether this Redis will do, and then connected to for good. */
import { reasonOf } from '../../runtime/reason-of.ts';
import { sleep } from '../../runtime/sleep.ts';
import {
  ClusterStoreError,
  type Deployment,
  type JoinResult,
  type MemberState,
  type NodeIdentity,
} from '../ports.ts';
import { RedisCallError, RedisConnections, type RedisUses } from './connections.ts';
import { inspect, NotYetError, raise } from './inspect.ts';
import { RedisKeys } from './keys.ts';
import type { RedisConnectionOptions, RedisShareStore, RedisStore, RedisStoreOptions } from './options.ts';
import { memberArguments, RedisMembership } from './redis-membership.ts';
import { RedisShares } from './redis-shares.ts';
import { RedisIdentifySlots } from './redis-slots.ts';
import { placeOf, refusalOfAccess, refusalOfFailure, refusalOfReply } from './refusals.ts';
import { decodeDeployment, differenceOf, readMember } from './view.ts';

/** Between attempts while nothing answers yet. */
const RETRY_MS = 200;

/**
 * Connects, trying again for `connectTimeoutMs` where nothing answers yet. From then on it reconnects for ever by itself;
 * while there is no connection, methods reject at once.
 * @throws {ClusterStoreError} with the setting to look at.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const keys = new RedisKeys(options.keyPrefix, options.applicationId);
  const { connections, warnings } = await openConnections(options, keys);
  return new OpenRedisStore(options, connections, keys, warnings);
}

/** Likewise, for what REST nodes share. */
export async function openRedisShares(options: RedisConnectionOptions): Promise<RedisShareStore> {
  const keys = new RedisKeys(options.keyPrefix, 'rest');
  const { connections, warnings } = await openConnections(options, keys, 'decisions');
  return new RedisShares(options.keyPrefix, connections, warnings);
}

interface Opened {
  readonly connections: RedisConnections;
  readonly warnings: readonly string[];
}

async function openConnections(
  options: RedisConnectionOptions,
  keys: RedisKeys,
  uses?: RedisUses,
): Promise<Opened> {
  const { clock, connectTimeoutMs } = options;
  const endsAtMs = clock.now() + connectTimeoutMs;
  for (let attempt = 1; ; attempt++) {
    try {
      const warnings = await inspect(options);
      return { connections: await connect(options, keys, uses), warnings };
    } catch (error) {
      if (!(error instanceof NotYetError)) throw error;
      if (clock.now() + RETRY_MS >= endsAtMs) {
        const limit = `waited for redis.connectTimeoutMs, ${connectTimeoutMs} ms`;
        throw new ClusterStoreError(`${error.message} (${limit})`);
      }
      if (attempt === 1) options.onWaiting?.(error.message);
    }
    await sleep(clock, RETRY_MS);
  }
}

async function connect(
  options: RedisConnectionOptions,
  keys: RedisKeys,
  uses?: RedisUses,
): Promise<RedisConnections> {
  const connections = new RedisConnections(options, keys, uses);
  try {
    await connections.open();
    const refused = await connections.run('check-access', [keys.accessCheck], [keys.messages]);
    const refusal = refusalOfAccess(refused as string[], options);
    if (refusal) raise(refusal);
    return connections;
  } catch (error) {
    await connections[Symbol.asyncDispose]();
    if (error instanceof ClusterStoreError || error instanceof NotYetError) throw error;
    const message = replyOf(error) ?? connections.lastError ?? reasonOf(error);
    return raise(refusalOfFailure({ message }, options.hosts.map(placeOf).join(', '), options));
  }
}

/** What Redis said, or why it could not be asked; `undefined` for anything else. */
function replyOf(error: unknown): string | undefined {
  return error instanceof RedisCallError ? error.message.replace(/^Redis: /, '') : undefined;
}

/** As the header of `lua/join-application.lua` says. */
type JoinReply =
  | readonly ['joined', joinedAtMs: number]
  | readonly ['id-taken', member: string, now: number]
  | readonly ['differs', deployment: string, ...nodeIds: string[]];

class OpenRedisStore implements RedisStore {
  readonly slots: RedisIdentifySlots;
  readonly warnings: readonly string[];
  readonly #options: RedisStoreOptions;
  readonly #connections: RedisConnections;
  readonly #keys: RedisKeys;

  constructor(
    options: RedisStoreOptions,
    connections: RedisConnections,
    keys: RedisKeys,
    warnings: readonly string[],
  ) {
    this.#options = options;
    this.#connections = connections;
    this.#keys = keys;
    this.slots = new RedisIdentifySlots(connections, keys, options.identifyIntervalMs);
    this.warnings = warnings;
  }

  get isConnected() {
    return this.#connections.isConnected;
  }

  get counts() {
    return this.#connections.counts;
  }

  async readDeployment(): Promise<Deployment | undefined> {
    const text = await this.#orRefused(this.#connections.read(this.#keys.deployment));
    return text === null ? undefined : decodeDeployment(text);
  }

  async join(identity: NodeIdentity, state: MemberState, deployment: Deployment): Promise<JoinResult> {
    const { leaseTtlMs, tail, onUnreadable = () => undefined } = this.#options;
    const connections = this.#connections;
    const keys = this.#keys;
    if (/\s/.test(identity.incarnation)) throw new TypeError('an incarnation must not have a space in it');
    const reply = (await this.#orRefused(
      connections.run(
        'join-application',
        [keys.members, keys.deployment, keys.slots],
        memberArguments(identity, state, leaseTtlMs, deployment),
      ),
    )) as JoinReply;
    if (reply[0] === 'id-taken') {
      const { renewals, ...by } = readMember(identity.nodeId, reply[1], reply[2]);
      return { kind: 'id-taken', by, renewals };
    }
    if (reply[0] === 'differs') {
      const [, stored, ...nodeIds] = reply;
      return differenceOf(deployment, decodeDeployment(stored), nodeIds);
    }
    const joinedAtMs = reply[1];
    const context = { connections, keys, leaseTtlMs, tail, onUnreadable, deployment, joinedAtMs };
    return { kind: 'joined', membership: new RedisMembership(identity, context) };
  }

  /** At the start, what Redis would refuse for ever is for the operator to mend; a node that runs goes on, and asks again. */
  async #orRefused<Reply>(call: Promise<Reply>): Promise<Reply> {
    try {
      return await call;
    } catch (error) {
      const refusal = refusalOfReply(replyOf(error) ?? '', this.#options);
      if (refusal) throw new ClusterStoreError(refusal.message, { cause: error });
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connections[Symbol.asyncDispose]();
  }
}
