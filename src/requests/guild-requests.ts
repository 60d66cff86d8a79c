/**
 * Requests of a shard's workers for members, sounds and channel information (ops 8, 31, 43): each is answered to the one who asked,
 * from memory where memory has all of it, else by Discord, which is asked once for all who ask the same. What Discord says to that
 * is discord-answers.ts.
 *
 * An answer is not kept for a worker that leaves: RESUME does not bring the rest of it, and libraries ask again.
 */
import { randomBytes } from 'node:crypto';
import { MAX_SEND_BYTES } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Clock } from '../runtime/clock.ts';
import { Ask, Asks } from './asks.ts';
import { RequestCounts } from './counts.ts';
import { DiscordAnswers } from './discord-answers.ts';
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
import type { Questions } from './questions.ts';
import { NONCE_PREFIX } from './reply-scan.ts';

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

/** Random bytes of a process's nonces, so that it does not take an earlier one's for its own. */
const NONCE_BYTES = 4;

export class GuildRequests implements Disposable {
  readonly counts = new RequestCounts();
  readonly #options: GuildRequestsOptions;
  readonly #asks: Asks;
  readonly #answers: DiscordAnswers;
  readonly #questions: Questions;
  readonly #full: FullRequests;
  readonly #knowledge: Knowledge;
  readonly #noncePrefix = `${NONCE_PREFIX}${randomBytes(NONCE_BYTES).toString('hex')}:`;
  #nonces = 0;

  constructor(options: GuildRequestsOptions) {
    this.#options = options;
    const { clock, maxUnanswered } = options;
    this.#asks = new Asks(maxUnanswered);
    this.#knowledge = new Knowledge({ ...options, onRoom: (ask) => this.#asks.putBack(ask) });
    this.#full = new FullRequests({ clock, onReleased: (ask) => this.#askAgain(ask) });
    this.#answers = new DiscordAnswers({
      ...options,
      asks: this.#asks,
      full: this.#full,
      knowledge: this.#knowledge,
      counts: this.counts,
    });
    this.#questions = this.#answers.questions;
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
    this.#questions.sweep();
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
    return this.#answers.takes(sequence, typeId, bytes, start, end);
  }

  [Symbol.dispose](): void {
    this.#answers[Symbol.dispose]();
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
    this.#asks.settle(ask);
    return { kind: 'answer', answer };
  }

  #unanswerable(ask: Ask, why: string): Step {
    if (ask.open === 0) {
      this.counts.unanswerable++;
      this.#options.log.debug({ op: ask.request.op, why }, 'a request that Discord would not answer');
    }
    this.#asks.settle(ask);
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

  /** It waited for its turn, or for RATE_LIMITED to be over. */
  #askAgain(ask: Ask): void {
    ask.open = 0;
    this.#asks.putBack(ask);
  }
}
