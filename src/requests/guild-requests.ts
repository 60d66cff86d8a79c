/**
 * Requests of a shard's workers for members, sounds and channel information (ops 8, 31, 43): each is answered to the one who asked,
 * from memory where memory has all of it, else by Discord, which is asked once for all who ask the same. Workers do not see
 * Discord's answers in the log, nor its RATE_LIMITED, which is obeyed here.
 *
 * An answer is not kept for a worker that leaves: RESUME does not bring the rest of it, and libraries ask again.
 */
import { randomBytes } from 'node:crypto';
import { EventTypeId } from '../protocol/event-types.ts';
import { scalarOfD } from '../protocol/json-scan.ts';
import { MAX_SEND_BYTES } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Clock } from '../runtime/clock.ts';
import { Ask, Asks } from './asks.ts';
import { RequestCounts } from './counts.ts';
import { FullRequests } from './full-requests.ts';
import { Knowledge } from './knowledge.ts';
import { isAllowed, isFullRequest } from './members-answer.ts';
import type {
  Answer,
  Asker,
  ChannelInfoRequest,
  GuildMemory,
  GuildRequest,
  MembersRequest,
  RequestsLog,
  SoundsRequest,
  Submission,
  Upstream,
} from './ports.ts';
import {
  channelInfoKey,
  channelInfoQuestion,
  membersKey,
  membersQuestion,
  type Question,
  soundsKey,
  soundsQuestion,
} from './question.ts';
import { Questions } from './questions.ts';
import { rateLimitedParts, readRateLimited } from './rate-limited.ts';
import { chunkNumbers, fieldsIn, findOurNonce, NONCE_PREFIX, withNonce } from './reply-scan.ts';

export interface GuildRequestsOptions {
  readonly intents: number;
  readonly memory: GuildMemory;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly log: RequestsLog;
  /** Of the shard. */
  readonly maxUnanswered: number;
}

/** What there was to do for an asker. */
export type Step =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** Something else; there may be more. */
  | { readonly kind: 'again' }
  | { readonly kind: 'idle' };

const AGAIN: Step = { kind: 'again' };
const IDLE: Step = { kind: 'idle' };

/** RATE_LIMITEDs after which an asker gets the next one. */
const MAX_REFUSALS = 3;

/** An asker does not wait longer on a RATE_LIMITED, but gets it. Libraries give up after 30 s to 2 min. */
const MAX_RETRY_AFTER_MS = 120_000;

/** Random bytes of a process's nonces, so that it does not take an earlier one's for its own. */
const NONCE_BYTES = 4;

/** As many event types as there can be. */
const EVENT_TYPES = 1_025;

export class GuildRequests implements Disposable {
  readonly counts = new RequestCounts();
  readonly #options: GuildRequestsOptions;
  readonly #asks: Asks;
  readonly #questions: Questions;
  readonly #full: FullRequests;
  readonly #knowledge: Knowledge;
  readonly #noncePrefix = `${NONCE_PREFIX}${randomBytes(NONCE_BYTES).toString('hex')}:`;
  #nonces = 0;

  constructor(options: GuildRequestsOptions) {
    this.#options = options;
    const { clock, upstream, maxUnanswered } = options;
    this.#asks = new Asks(maxUnanswered);
    this.#knowledge = new Knowledge({ ...options, onRoom: (ask) => this.#asks.putBack(ask) });
    this.#full = new FullRequests({ clock, onReleased: (ask) => this.#askAgain(ask) });
    this.#questions = new Questions({
      upstream,
      clock,
      onRequest: () => this.counts.forwarded++,
      onSent: ({ isFull, guildId }) => {
        if (isFull) this.#full.sent(guildId);
      },
      onUnwanted: ({ isFull, guildId }) => {
        if (isFull) this.#full.giveBack(guildId);
      },
      onSilence: (question) => this.#onSilence(question),
    });
  }

  /** Requests that are not answered yet. */
  get unanswered(): number {
    return this.#asks.unanswered;
  }

  /** Takes a request, or says why not. */
  ask(request: GuildRequest, asker: Asker): Submission {
    const submission = this.#asks.add(new Ask(request, asker));
    if (submission === 'queued') this.counts.asked++;
    return submission;
  }

  /** The session with Discord goes on that another process had until now: what that has asked for lately, nobody here knows. */
  inherit(): void {
    this.#full.inherit();
  }

  /** The asker is gone, with all that it has asked. */
  leave(asker: Asker): void {
    this.#asks.leave(asker);
  }

  /**
   * Does a little for the asker, which has been sent all that is in the log: an answer from memory is as of now, and nothing that is
   * later in the log may be sent before its end.
   */
  next(asker: Asker): Step {
    const ask = this.#asks.next(asker);
    if (!ask) return IDLE;
    const { request } = ask;
    switch (request.op) {
      case Opcode.RequestGuildMembers:
        return this.#members(ask, request.d);
      case Opcode.RequestSoundboardSounds:
        return this.#sounds(ask, request.d);
      case Opcode.RequestChannelInfo:
        return this.#channelInfo(ask, request.d);
    }
  }

  /** Whether a dispatch is for askers alone, which have it now; the others get it from the log. On the hot path. */
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
    this.#questions[Symbol.dispose]();
    this.#full[Symbol.dispose]();
  }

  #members(ask: Ask, request: MembersRequest): Step {
    const guildId = request.guild_id;
    if (!isAllowed(request, this.#options.intents))
      return this.#unanswerable(ask, 'takes the intent GUILD_MEMBERS');
    const known = this.#knowledge.members(ask, request);
    if (known === 'silence') return this.#unanswerable(ask, 'a guild that is out, or not of the bot');
    if (known === 'later') return IDLE;
    if (known) return this.#answer(ask, known);
    if (this.#join(ask, membersKey(request))) return AGAIN;
    const nonce = this.#noncePrefix + (this.#nonces++).toString(36);
    const payload = JSON.stringify({ op: Opcode.RequestGuildMembers, d: { ...request, nonce } });
    // With our nonce it may be longer than it was, and Discord closes the shard's connection over that.
    if (Buffer.byteLength(payload) > MAX_SEND_BYTES)
      return this.#unanswerable(ask, 'a name that is too long');
    const isFull = isFullRequest(request);
    if (isFull && !this.#full.take(guildId)) {
      this.#full.wait(guildId, ask);
      return AGAIN;
    }
    this.#forward(ask, [membersQuestion(request, nonce)], payload);
    return AGAIN;
  }

  /** Guild by guild; those that are not known are asked for in one go, at the end. */
  #sounds(ask: Ask, request: SoundsRequest): Step {
    for (let guildId = ask.guildIds.shift(); guildId !== undefined; guildId = ask.guildIds.shift()) {
      const known = this.#knowledge.sounds(guildId);
      if (known === undefined) ask.unknownGuildIds.push(guildId);
      else if (known !== 'silence') {
        if (ask.guildIds.length + ask.unknownGuildIds.length === 0) return this.#answer(ask, known);
        this.counts.fromMemory++;
        this.#asks.putFirst(ask);
        return { kind: 'answer', answer: known };
      }
    }
    const unknown = ask.unknownGuildIds.splice(0).filter((guildId) => !this.#join(ask, soundsKey(guildId)));
    if (unknown.length > 0) {
      const payload = { op: Opcode.RequestSoundboardSounds, d: { ...request, guild_ids: unknown } };
      this.#forward(ask, unknown.map(soundsQuestion), JSON.stringify(payload));
    }
    if (ask.open > 0) return AGAIN;
    return this.#unanswerable(ask, 'guilds that are out, or not of the bot');
  }

  #channelInfo(ask: Ask, request: ChannelInfoRequest): Step {
    const known = this.#knowledge.channelInfo(request);
    if (known === 'silence') return this.#unanswerable(ask, 'a guild that is out, or not of the bot');
    if (known) return this.#answer(ask, known);
    if (this.#join(ask, channelInfoKey(request))) return AGAIN;
    const payload = JSON.stringify({ op: Opcode.RequestChannelInfo, d: request });
    this.#forward(ask, [channelInfoQuestion(request)], payload);
    return AGAIN;
  }

  #answer(ask: Ask, answer: Answer): Step {
    this.counts.fromMemory++;
    this.#settle(ask);
    return { kind: 'answer', answer };
  }

  #unanswerable(ask: Ask, why: string): Step {
    if (ask.open === 0) {
      this.counts.unanswerable++;
      this.#options.log.debug({ op: ask.request.op, why }, 'a request that Discord would not answer');
    }
    this.#settle(ask);
    return AGAIN;
  }

  #join(ask: Ask, key: string): boolean {
    const question = this.#questions.joinable(key);
    if (!question) return false;
    this.counts.coalesced++;
    ask.enter(question.asks);
    ask.open++;
    return true;
  }

  #forward(ask: Ask, questions: readonly Question[], payload: string): void {
    for (const question of questions) {
      ask.enter(question.asks);
      ask.open++;
    }
    this.#questions.send({ questions, payload });
  }

  #onChunk(sequence: number, payload: Buffer): boolean {
    const found = findOurNonce(payload);
    if (!found) return false;
    const question = this.#questions.withNonce(found.nonce);
    // Of an earlier process, or of somebody who is gone.
    if (!question) return true;
    const place = chunkNumbers(payload);
    const isExpected = place?.index === question.answers;
    this.#reply(question, sequence, payload, (copy, nonce) => withNonce(copy, found, nonce));
    if (place && place.index + 1 < place.count) return true;
    if (question.isFull && isExpected) this.#knowledge.isWhole(question.guildId);
    this.#endAnswered(question);
    if (question.isFull) this.#full.release(question.guildId);
    return true;
  }

  #onNonceless(kind: 'sounds' | 'channel-info', sequence: number, payload: Buffer): boolean {
    if (!this.#questions.hasNonceless) return false;
    const guildId = scalarOfD(payload, 'guild_id')?.slice(1, -1);
    const told = fieldsIn(payload);
    const fits = ({ fields }: Question) => kind === 'sounds' || told.every((field) => fields.includes(field));
    const question = guildId === undefined ? undefined : this.#questions.oldestOf(kind, guildId, fits);
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
    this.counts.rateLimited++;
    const question = this.#questions.withNonce(nonce);
    if (question?.isFull) this.#full.refused(guildId, retryAfterMs);
    else this.#full.limited(guildId, retryAfterMs);
    if (!question) return true;
    this.#questions.end(question);
    for (const ask of this.#questions.releaseAll(question)) {
      if (ask.refusals++ < MAX_REFUSALS && retryAfterMs <= MAX_RETRY_AFTER_MS) this.#full.wait(guildId, ask);
      else {
        ask.asker.reply({ sequence, parts: rateLimitedParts(payload, ask.nonce) });
        this.counts.dropped++;
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
    this.#questions.onAnswer(question);
    if (question.asks.size === 0) return;
    const copy = Buffer.from(payload);
    for (const ask of question.asks) ask.asker.reply({ sequence, parts: edit(copy, ask.nonce) });
  }

  #endAnswered(question: Question): void {
    this.#questions.end(question);
    for (const ask of this.#questions.releaseAll(question)) this.#settleOne(ask);
  }

  /** Asks again once about a guild, where nothing has come yet: the request, or its answer, may have been lost with a connection. */
  #onSilence(question: Question): void {
    const { answers, guildId, kind } = question;
    this.#options.log.warn({ kind, answers }, 'Discord has not answered a request, or not all of it');
    for (const ask of this.#questions.releaseAll(question)) {
      if (answers === 0 && !ask.silentGuildIds.has(guildId)) {
        ask.silentGuildIds.add(guildId);
        if (kind === 'sounds') ask.guildIds.push(guildId);
        ask.open--;
        this.#asks.putBack(ask);
      } else {
        this.counts.dropped++;
        this.#settleOne(ask);
      }
    }
  }

  /** It waited for its turn, or for RATE_LIMITED to be over. */
  #askAgain(ask: Ask): void {
    ask.open = 0;
    this.#asks.putBack(ask);
  }

  #settleOne(ask: Ask): void {
    ask.open--;
    this.#settle(ask);
  }

  #settle(ask: Ask): void {
    if (ask.open <= 0 && ask.guildIds.length + ask.unknownGuildIds.length === 0) this.#asks.end(ask);
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
