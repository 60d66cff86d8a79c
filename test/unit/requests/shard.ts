/** Requests of made-up workers of a shard, with a Discord that a test plays by hand. Not a test itself. */

import { eventTypeId } from '../../../src/protocol/event-types.ts';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import {
  type Asker,
  type GuildBody,
  type GuildRequest,
  GuildRequests,
  type Reply,
  type UpstreamCommand,
} from '../../../src/requests/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

export const GUILD = '100000000000000009';

export class TestAsker implements Asker {
  readonly replies: Reply[] = [];
  wakes = 0;

  wake(): void {
    this.wakes++;
  }

  reply(reply: Reply): void {
    this.replies.push(reply);
  }

  /** `d` of each. */
  get received(): GuildBody[] {
    return this.replies.map(({ parts }) => JSON.parse(Buffer.concat(parts).toString()).d as GuildBody);
  }

  get nonces(): unknown[] {
    return this.received.map(({ nonce }) => nonce);
  }
}

export interface Sent {
  readonly op: number;
  readonly d: GuildBody;
}

export class TestShard implements Disposable {
  readonly clock = new ManualClock(1_000_000);
  readonly guilds = new Map<string, GuildBody | 'out' | undefined>([[GUILD, undefined]]);
  /** What Discord has been sent. */
  readonly sent: Sent[] = [];
  /** Whether commands go out at once; otherwise they wait in `queued`. */
  isOpen = true;
  readonly queued: UpstreamCommand[] = [];
  hasRoom = true;
  /** Whether guilds are kept here: not while they are loaded. */
  keeps = true;
  readonly requests: GuildRequests;
  sequence = 10;

  constructor({ intents = ALL_INTENTS, maxUnanswered = 1_000 } = {}) {
    this.requests = new GuildRequests({
      intents,
      maxUnanswered,
      clock: this.clock,
      log: { warn: () => undefined, debug: () => undefined },
      memory: {
        ownUserId: '1',
        has: (guildId) => this.guilds.has(guildId),
        read: (guildId) => this.guilds.get(guildId),
        members: () => undefined,
        keeps: () => this.keeps,
      },
      upstream: { send: (command) => this.#take(command) },
    });
  }

  /** Asks, and does all there is to do at once; what memory has answered. */
  ask(asker: TestAsker, op: GuildRequest['op'], d: object): GuildBody[] {
    // The reason for the cast: the shapes are checked before.
    this.requests.ask({ op, d } as GuildRequest, asker);
    return this.work(asker);
  }

  /** All members of a guild. */
  askAll(asker: TestAsker, nonce?: string, more: object = {}): GuildBody[] {
    return this.ask(asker, 8, { guild_id: GUILD, query: '', limit: 0, ...(nonce && { nonce }), ...more });
  }

  work(asker: TestAsker): GuildBody[] {
    const answers: GuildBody[] = [];
    for (;;) {
      const step = this.requests.next(asker);
      if (step.kind === 'idle') return answers;
      if (step.kind === 'again') continue;
      using answer = step.answer;
      for (let part = answer.next(); part; part = answer.next())
        answers.push({ t: part.t, ...JSON.parse(part.d.toString()) });
    }
  }

  /** Lets out what is queued. */
  open(): void {
    this.isOpen = true;
    for (const command of this.queued.splice(0)) this.#send(command);
  }

  /** The queue of commands ends with what is in it; another takes its place with `hasRoom`. */
  endQueue(): void {
    this.hasRoom = false;
    for (const command of this.queued.splice(0)) command.onLeft(false);
  }

  /** A dispatch from Discord; whether it was for askers alone. */
  dispatch(t: string, d: object): boolean {
    const payload = Buffer.from(`{"t":"${t}","s":${++this.sequence},"op":0,"d":${JSON.stringify(d)}}`);
    const name = Buffer.from(t);
    return this.requests.takes(this.sequence, eventTypeId(name, 0, name.length), payload, 0, payload.length);
  }

  /** A chunk in answer to what was sent last, or to `of`. */
  chunk(index = 0, count = 1, of: Sent | undefined = this.sent.at(-1)): boolean {
    const { guild_id, nonce } = of?.d ?? {};
    return this.dispatch('GUILD_MEMBERS_CHUNK', {
      guild_id,
      members: [],
      chunk_index: index,
      chunk_count: count,
      nonce,
    });
  }

  rateLimit(retry_after: number, of: Sent | undefined = this.sent.at(-1)): boolean {
    const { guild_id, nonce } = of?.d ?? {};
    return this.dispatch('RATE_LIMITED', { opcode: 8, retry_after, meta: { guild_id, nonce } });
  }

  [Symbol.dispose](): void {
    this.requests[Symbol.dispose]();
  }

  #take(command: UpstreamCommand): boolean {
    if (!this.hasRoom) return false;
    if (this.isOpen) this.#send(command);
    else this.queued.push(command);
    return true;
  }

  #send(command: UpstreamCommand): void {
    const payload = command.payload();
    if (payload !== undefined) this.sent.push(JSON.parse(payload) as Sent);
    command.onLeft(payload !== undefined);
  }
}

/** A guild of which all members are known. */
export function wholeGuild(count: number): GuildBody {
  const members = Array.from({ length: count }, (_, index) => ({
    user: { id: String(index + 1), username: `u${index}` },
  }));
  return { id: GUILD, member_count: count, members, soundboard_sounds: [{ sound_id: '5' }], channels: [] };
}
