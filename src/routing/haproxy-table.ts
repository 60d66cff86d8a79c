/**
 * The stick table of one HAProxy, over its Runtime API: inspect, teach, forget. Keeps no state; when and what is taught
 * is decided in `taught-haproxy.ts`.
 */
import type { Clock } from '../runtime/clock.ts';
import {
  ambiguousServer,
  brokenAnswer,
  type Diagnosis,
  findComplaint,
  findRefusal,
  internalError,
  processChanged,
  serverNotFound,
  type TeachingTarget,
  unexpectedAnswer,
  wrongTableType,
} from './diagnosis.ts';
import { RuntimeSocketError, runRuntimeCommand } from './runtime-client.ts';
import {
  type BackendServer,
  findServers,
  type HaproxyProcess,
  isSameProcess,
  parseProcess,
  parseServersState,
  type ServerLookup,
} from './server-state.ts';
import {
  forgetCommand,
  inspectionCommand,
  isWholeAnswer,
  keyBatches,
  keysPointingAt,
  lookUpCommand,
  tableKeyType,
  teachCommand,
} from './table-commands.ts';

export interface HaproxyTableOptions extends TeachingTarget {
  readonly server: ServerLookup;
  readonly clock: Clock;
  /** Limit of one exchange. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Who answered, and which server this node is there. */
export interface Inspection {
  readonly process: HaproxyProcess;
  readonly server: BackendServer;
}

/** HAProxy answers, but not as it must. */
class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly diagnosis: Diagnosis;

  constructor(diagnosis: Diagnosis) {
    super(diagnosis.reason);
    this.diagnosis = diagnosis;
  }
}

export class HaproxyTable {
  readonly #options: HaproxyTableOptions;

  constructor(options: HaproxyTableOptions) {
    this.#options = options;
  }

  /** Who answers, which server this node is there, and whether the table is as it must be. */
  async inspect(): Promise<Inspection> {
    const { backend, table, server: lookup } = this.#options;
    const answer = await this.#run(inspectionCommand(backend, table));
    const process = parseProcess(answer);
    const keyType = tableKeyType(answer, table);
    if (process === undefined || keyType === undefined) {
      const isBroken = process !== undefined && !isWholeAnswer(answer);
      throw new SetupError(isBroken ? brokenAnswer(this.#options) : unexpectedAnswer(answer, this.#options));
    }
    if (keyType !== 'string') throw new SetupError(wrongTableType(keyType, this.#options));
    const servers = parseServersState(answer);
    const [server, another] = findServers(servers, lookup);
    if (server === undefined) throw new SetupError(serverNotFound(lookup, servers, this.#options));
    if (another !== undefined) throw new SetupError(ambiguousServer([server, another], this.#options));
    return { process, server };
  }

  /** Points keys at this node. `isStillDue` is asked before each line, because a shard may be handed over meanwhile. */
  async teach(
    keys: Iterable<string>,
    { process, server }: Inspection,
    isStillDue: (key: string) => boolean,
  ): Promise<void> {
    const { table } = this.#options;
    for (const batch of keyBatches(table, keys)) {
      const due = batch.filter(isStillDue);
      if (due.length === 0) continue;
      this.#expectSilence(await this.#runAt(process, teachCommand(table, due, server.id)));
    }
  }

  /**
   * Clears those keys that still point at this node. Another owner may teach one between our look and our clear; its
   * next repetition mends that, and until then the node that is asked relays.
   */
  async forget(
    keys: Iterable<string>,
    { process, server }: Inspection,
    isStillGone: (key: string) => boolean,
  ): Promise<void> {
    const { table } = this.#options;
    for (const batch of keyBatches(table, keys)) {
      const answer = await this.#runAt(process, lookUpCommand(table, batch));
      const ours = keysPointingAt(answer, server.id).filter(isStillGone);
      if (ours.length === 0) continue;
      this.#expectSilence(await this.#runAt(process, forgetCommand(table, ours)));
    }
  }

  /** Names what one of the methods above threw. */
  diagnose(error: unknown): Diagnosis {
    if (error instanceof SetupError) return error.diagnosis;
    if (error instanceof RuntimeSocketError) return { problem: error.problem, reason: error.message };
    return internalError(error, this.#options);
  }

  async #runAt(process: HaproxyProcess, line: string): Promise<string> {
    const answer = await this.#run(line);
    const carriedOutBy = parseProcess(answer);
    if (carriedOutBy === undefined || !isSameProcess(carriedOutBy, process)) {
      throw new SetupError(processChanged(this.#options));
    }
    return answer;
  }

  async #run(line: string): Promise<string> {
    const answer = await runRuntimeCommand(this.#options.socket, line, this.#options);
    const refusal = findRefusal(answer, this.#options);
    if (refusal !== undefined) throw new SetupError(refusal);
    return answer;
  }

  #expectSilence(answer: string): void {
    const complaint = findComplaint(answer, this.#options);
    if (complaint !== undefined) throw new SetupError(complaint);
  }
}
