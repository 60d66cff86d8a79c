/**
 * What Discord says to our requests, by dispatches or by its silence: who gets it, and what is known from then on. Workers do not see
 * Discord's answers in the log, nor its RATE_LIMITED, which is obeyed here. Owns the questions that are open.
 */
import { EventTypeId } from '../protocol/event-types.ts';
import { scalarOfD } from '../protocol/json-scan.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Ask, Asks } from './asks.ts';
import type { RequestCounts } from './counts.ts';
import type { FullRequests } from './full-requests.ts';
import type { Knowledge } from './knowledge.ts';
import type { RequestsLog, Upstream } from './ports.ts';
import type { Question } from './question.ts';
import { Questions } from './questions.ts';
import { rateLimitedParts, readRateLimited } from './rate-limited.ts';
import { chunkNumbers, fieldsIn, findOurNonce, NONCE_PREFIX, withNonce } from './reply-scan.ts';

export interface DiscordAnswersOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly log: RequestsLog;
  readonly asks: Asks;
  readonly full: FullRequests;
  readonly knowledge: Knowledge;
  readonly counts: RequestCounts;
}

/** RATE_LIMITEDs after which an asker gets the next one. */
const MAX_REFUSALS = 3;

/** An asker does not wait longer on a RATE_LIMITED, but gets it. Libraries give up after 30 s to 2 min. */
const MAX_RETRY_AFTER_MS = 120_000;

/** As many event types as there can be. */
const EVENT_TYPES = 1_025;

export class DiscordAnswers implements Disposable {
  readonly questions: Questions;
  readonly #asks: Asks;
  readonly #full: FullRequests;
  readonly #knowledge: Knowledge;
  readonly #counts: RequestCounts;
  readonly #log: RequestsLog;

  constructor({ upstream, clock, log, asks, full, knowledge, counts }: DiscordAnswersOptions) {
    this.#asks = asks;
    this.#full = full;
    this.#knowledge = knowledge;
    this.#counts = counts;
    this.#log = log;
    this.questions = new Questions({
      upstream,
      clock,
      onRequest: () => counts.forwarded++,
      onSent: ({ isFull, guildId }) => {
        if (isFull) full.sent(guildId);
      },
      onUnwanted: ({ isFull, guildId }) => {
        if (isFull) full.giveBack(guildId);
      },
      onSilence: (question) => this.#onSilence(question),
    });
  }

  /** Whether a dispatch is for askers alone, which have it now. On the hot path. */
  takes(sequence: number, typeId: number, bytes: Buffer, start: number, end: number): boolean {
    if (IS_LOOKED_AT[typeId] !== 1) return false;
    const payload = bytes.subarray(start, end);
    switch (typeId) {
      case EventTypeId.GuildCreate:
        this.#knowledge.forget();
        return false;
      case EventTypeId.GuildMembersChunk:
        return this.#onChunk(sequence, payload);
      case EventTypeId.RateLimited:
        return this.#onRateLimited(sequence, payload);
      case EventTypeId.SoundboardSounds:
        return this.#onNonceless('sounds', sequence, payload);
      default:
        return this.#onNonceless('channel-info', sequence, payload);
    }
  }

  [Symbol.dispose](): void {
    this.questions[Symbol.dispose]();
  }

  #onChunk(sequence: number, payload: Buffer): boolean {
    const found = findOurNonce(payload);
    if (!found) return false;
    const question = this.questions.withNonce(found.nonce);
    // Of an earlier process, or of somebody who is gone.
    if (!question) return true;
    const place = chunkNumbers(payload);
    if (place?.index !== question.answers || !this.#knowledge.keepsMembers) question.isKept = false;
    this.#reply(question, sequence, payload, (copy, nonce) => withNonce(copy, found, nonce));
    if (place && place.index + 1 < place.count) return true;
    if (question.isFull && question.isKept) this.#knowledge.isWhole(question.guildId);
    this.#endAnswered(question);
    if (question.isFull) this.#full.release(question.guildId);
    return true;
  }

  #onNonceless(kind: 'sounds' | 'channel-info', sequence: number, payload: Buffer): boolean {
    if (!this.questions.hasNonceless) return false;
    const guildId = scalarOfD(payload, 'guild_id')?.slice(1, -1);
    const told = fieldsIn(payload);
    const fits = ({ fields }: Question) => kind === 'sounds' || told.every((field) => fields.includes(field));
    const question = guildId === undefined ? undefined : this.questions.oldestOf(kind, guildId, fits);
    if (!question) return false;
    this.#reply(question, sequence, payload, (copy) => [copy]);
    if (kind === 'channel-info') this.#knowledge.hasChannelInfo(question.guildId, question.fields);
    this.#endAnswered(question);
    return true;
  }

  #onRateLimited(sequence: number, payload: Buffer): boolean {
    const limited = readRateLimited(payload);
    if (!limited?.nonce.startsWith(NONCE_PREFIX)) return false;
    const { guildId, retryAfterMs, nonce } = limited;
    this.#counts.rateLimited++;
    const question = this.questions.withNonce(nonce);
    if (question?.isFull) this.#full.refused(guildId, retryAfterMs);
    else this.#full.limited(guildId, retryAfterMs);
    if (!question) return true;
    this.questions.end(question);
    for (const ask of this.questions.releaseAll(question)) {
      if (ask.refusals++ < MAX_REFUSALS && retryAfterMs <= MAX_RETRY_AFTER_MS) this.#full.wait(guildId, ask);
      else {
        ask.asker.reply({ sequence, parts: rateLimitedParts(payload, ask.nonce) });
        this.#counts.dropped++;
        this.#settleOne(ask);
      }
    }
    return true;
  }

  /** `edit` makes what an asker gets out of a copy of the payload. */
  #reply(
    question: Question,
    sequence: number,
    payload: Buffer,
    edit: (copy: Buffer, nonce: string | undefined) => Buffer[],
  ): void {
    this.questions.onAnswer(question);
    if (question.asks.size === 0) return;
    const copy = Buffer.from(payload);
    for (const ask of question.asks) ask.asker.reply({ sequence, parts: edit(copy, ask.nonce) });
  }

  #endAnswered(question: Question): void {
    this.questions.end(question);
    for (const ask of this.questions.releaseAll(question)) this.#settleOne(ask);
  }

  /** Asks again once about a guild, where nothing has come yet: the request, or its answer, may have been lost with a connection. */
  #onSilence(question: Question): void {
    const { answers, guildId, kind } = question;
    this.#log.warn({ kind, answers }, 'Discord has not answered a request, or not all of it');
    for (const ask of this.questions.releaseAll(question)) {
      if (answers === 0 && !ask.silentGuildIds.has(guildId)) {
        ask.silentGuildIds.add(guildId);
        if (kind === 'sounds') ask.guildIds.push(guildId);
        ask.open--;
        this.#asks.putBack(ask);
      } else {
        this.#counts.dropped++;
        this.#settleOne(ask);
      }
    }
  }

  #settleOne(ask: Ask): void {
    ask.open--;
    this.#asks.settle(ask);
  }
}

const IS_LOOKED_AT = new Uint8Array(EVENT_TYPES);
for (const typeId of [
  EventTypeId.GuildCreate,
  EventTypeId.GuildMembersChunk,
  EventTypeId.SoundboardSounds,
  EventTypeId.ChannelInfo,
  EventTypeId.RateLimited,
])
  IS_LOOKED_AT[typeId] = 1;
