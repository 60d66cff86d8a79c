/**
 * What Discord has been asked and has not answered: who waits for it, how long, and which dispatches are the answers. One
 * request does for all who ask the same before its answer begins.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Ask } from './asks.ts';
import { Line, type Sending } from './line.ts';
import type { Upstream } from './ports.ts';
import type { Question, QuestionKind } from './question.ts';

/** From a request to the first dispatch of its answer, and from each to the next. Discord takes a second or two. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface QuestionsOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  /** One has been sent, with one question or more. */
  readonly onRequest: () => void;
  readonly onSent: (question: Question) => void;
  /** Nobody wanted it any more when its turn came. */
  readonly onUnwanted: (question: Question) => void;
  /** It was sent, and no answer, or no more of it, came in time. */
  readonly onSilence: (question: Question) => void;
}

export class Questions implements Disposable {
  readonly #options: QuestionsOptions;
  readonly #line: Line;
  /** Those that can be joined: nothing of their answer has come. */
  readonly #joinable = new Map<string, Question>();
  readonly #byNonce = new Map<string, Question>();
  /** Those whose answers have no nonce, by guild and in order. */
  readonly #byGuild = new Map<string, Question[]>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
    const { upstream, clock } = options;
    this.#line = new Line({ upstream, clock, onLeft: (sending, isSent) => this.#onLeft(sending, isSent) });
  }

  /** One to the same effect that has not begun to be answered. */
  joinable(key: string): Question | undefined {
    return this.#joinable.get(key);
  }

  /** Asks Discord. The questions have those who wait for them by now. */
  send(sending: Sending): void {
    for (const question of sending.questions) {
      this.#joinable.set(question.key, question);
      if (question.nonce !== undefined) this.#byNonce.set(question.nonce, question);
      else this.#inOrder(question).push(question);
    }
    this.#line.add(sending);
  }

  /** Somebody who waited for some of them has left. */
  sweep(): void {
    this.#line.sweep();
  }

  withNonce(nonce: string): Question | undefined {
    return this.#byNonce.get(nonce);
  }

  /** Whether any question is open whose answer has no nonce. */
  get hasNonceless(): boolean {
    return this.#byGuild.size > 0;
  }

  /** The one that an answer without a nonce is to; `fits`: it may be of this one. */
  oldestOf(kind: QuestionKind, guildId: string, fits: (question: Question) => boolean): Question | undefined {
    return this.#byGuild.get(`${kind} ${guildId}`)?.find(fits);
  }

  /** A dispatch of its answer has come. */
  onAnswer(question: Question): void {
    question.answers++;
    this.#forget(this.#joinable, question);
    this.#watch(question);
  }

  end(question: Question): void {
    question.isOver = true;
    question.timer?.[Symbol.dispose]();
    this.#forget(this.#joinable, question);
    if (question.nonce !== undefined) this.#byNonce.delete(question.nonce);
    else this.#leaveOrder(question);
  }

  /** Leaves nobody waiting for it. */
  releaseAll(question: Question): Ask[] {
    const asks = [...question.asks];
    for (const ask of asks) ask.leave(question.asks);
    return asks;
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
    for (const { timer } of this.#byNonce.values()) timer?.[Symbol.dispose]();
    for (const { timer } of [...this.#byGuild.values()].flat()) timer?.[Symbol.dispose]();
    this.#joinable.clear();
    this.#byNonce.clear();
    this.#byGuild.clear();
  }

  #onLeft({ questions }: Sending, isSent: boolean): void {
    if (isSent) this.#options.onRequest();
    for (const question of questions) {
      if (question.isOver) continue;
      if (isSent) {
        this.#watch(question);
        this.#options.onSent(question);
      } else {
        this.end(question);
        this.#options.onUnwanted(question);
      }
    }
  }

  #watch(question: Question): void {
    question.timer?.[Symbol.dispose]();
    question.timer = this.#options.clock.setTimer(() => {
      this.end(question);
      this.#options.onSilence(question);
    }, ANSWER_TIMEOUT_MS);
  }

  #forget(map: Map<string, Question>, question: Question): void {
    if (map.get(question.key) === question) map.delete(question.key);
  }

  #inOrder({ kind, guildId }: Question): Question[] {
    const key = `${kind} ${guildId}`;
    const line = this.#byGuild.get(key) ?? [];
    this.#byGuild.set(key, line);
    return line;
  }

  #leaveOrder(question: Question): void {
    const key = `${question.kind} ${question.guildId}`;
    const left = (this.#byGuild.get(key) ?? []).filter((other) => other !== question);
    if (left.length > 0) this.#byGuild.set(key, left);
    else this.#byGuild.delete(key);
  }
}
