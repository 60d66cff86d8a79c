/**
 * What a live session is sent between the dispatches of the log: answers to its own requests, and nobody else's. Owns those under
 * way.
 *
 * An answer from memory is as of one moment: it is begun when the session has all of the log, and later dispatches wait for its
 * end, or a member that has left would come back. It has the number of the last dispatch before it, again and again: libraries
 * take that, while some break on none and some complain of gaps, and RESUME goes on behind it. Discord's own answers have the
 * number that Discord gave them, at its place. Either way numbers never go backwards.
 */
import { frameHeaderBytes, writeFrameHeader } from '../protocol/websocket-frame.ts';
import type { Delivery, PumpResult } from './delivery.ts';
import type { Answer, Asker, Reply, ShardRequests } from './ports.ts';
import type { Steps } from './snapshot-turns.ts';
import { snapshotFrame } from './snapshots.ts';
import type { WorkerLink } from './worker-link.ts';

/** Answers of Discord that may wait for a worker: it is closed over it, as one that does not read. */
export const MAX_WAITING_REPLY_BYTES = 32 * 1024 * 1024;

export interface SessionAnswersOptions {
  readonly requests: ShardRequests;
  readonly delivery: Delivery;
  readonly link: WorkerLink;
  /** Of the log. */
  readonly head: () => number;
  /** Adds us to those that take turns. */
  readonly takeTurn: (steps: Steps) => void;
  readonly endTurns: (steps: Steps) => void;
  /** Calls `pump` where the session is live; `undefined` where it is not, or not any more. */
  readonly pumpLive: () => PumpResult | undefined;
  /** Too much waits for the worker. */
  readonly onTooSlow: () => void;
}

export class SessionAnswers implements Asker, Steps, Disposable {
  readonly #options: SessionAnswersOptions;
  readonly #replies: Reply[] = [];
  #replyBytes = 0;
  #answer: { readonly answer: Answer; readonly sequence: number } | undefined;
  /** There may be requests to look at. */
  #isAwake = false;

  constructor(options: SessionAnswersOptions) {
    this.#options = options;
  }

  /** Whether there is something to send that has its number already. */
  get isUnderWay(): boolean {
    return this.#answer !== undefined || this.#replies.length > 0;
  }

  wake(): void {
    this.#isAwake = true;
    this.#options.takeTurn(this);
  }

  reply(reply: Reply): void {
    this.#replies.push(reply);
    this.#replyBytes += bytesOf(reply);
    if (this.#replyBytes > MAX_WAITING_REPLY_BYTES) this.#options.onTooSlow();
    // Not at once: the dispatches before it may be about to be written together.
    else this.#options.takeTurn(this);
  }

  /** Sends what the log and Discord's answers have, in order; nothing while an answer is under way. On the hot path. */
  pump(): PumpResult {
    if (this.#answer) return this.#resume();
    if (this.#replies.length > 0) {
      const result = this.#pumpReplies();
      if (result !== 'done') return result;
    }
    const result = this.#options.delivery.pump();
    if (result === 'done' && this.#isAwake) this.#options.takeTurn(this);
    return result;
  }

  step(): boolean {
    const { link, delivery, pumpLive } = this.#options;
    if (!link.isOpen) return false;
    if (this.#answer) return delivery.room > 0 && this.#stepAnswer(this.#answer);
    // Where it is not live, or has not all of the log, what changes that brings us here again.
    return pumpLive() === 'done' && this.#isAwake && this.#begin();
  }

  [Symbol.dispose](): void {
    this.#options.endTurns(this);
    this.#options.requests.leave(this);
    this.#answer?.answer[Symbol.dispose]();
    this.#replies.length = 0;
  }

  #resume(): PumpResult {
    if (this.#options.delivery.cursor.isLost) return 'lost';
    this.#options.takeTurn(this);
    return 'blocked';
  }

  /** Does what there is to do, now that all of the log has been sent. Whether there may be more at once. */
  #begin(): boolean {
    const { requests, head } = this.#options;
    const step = requests.next(this);
    if (step.kind === 'idle') this.#isAwake = false;
    if (step.kind === 'answer') this.#answer = { answer: step.answer, sequence: head() };
    return step.kind !== 'idle';
  }

  #stepAnswer({ answer, sequence }: { readonly answer: Answer; readonly sequence: number }): boolean {
    const { delivery, pumpLive } = this.#options;
    const part = answer.next();
    if (part) {
      delivery.write(...snapshotFrame(part, sequence));
      return true;
    }
    answer[Symbol.dispose]();
    this.#answer = undefined;
    pumpLive();
    return false;
  }

  #pumpReplies(): PumpResult {
    const { delivery } = this.#options;
    for (let reply = this.#replies[0]; reply; reply = this.#replies[0]) {
      const result = delivery.pump(reply.sequence - 1);
      if (result !== 'done') return result;
      if (delivery.room <= 0) return 'blocked';
      this.#replies.shift();
      this.#replyBytes -= bytesOf(reply);
      delivery.write(frameOf(reply));
    }
    return 'done';
  }
}

function bytesOf({ parts }: Reply): number {
  return parts.reduce((bytes, part) => bytes + part.length, 0);
}

function frameOf(reply: Reply): Buffer {
  const payloadBytes = bytesOf(reply);
  const header = Buffer.allocUnsafe(frameHeaderBytes(payloadBytes));
  writeFrameHeader(header, 0, payloadBytes);
  return Buffer.concat([header, ...reply.parts]);
}
