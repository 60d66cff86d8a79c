import { describe, expect, it } from 'vitest';
import {
  ShareMember,
  type SharePart,
  type ShareReply,
  type ShareRequest,
} from '../../../../src/rest/index.ts';
import { EventClock } from '../event-clock.ts';

const REPLY: ShareReply = { wasLive: true, size: 10, nodes: 3, wishes: [], grants: [], notes: [] };

class Part implements SharePart {
  isWaiting = false;
  readonly heard: string[] = [];

  tell(): void {}

  hear(reply: ShareReply, _told: unknown, endsMs: number): void {
    this.heard.push(`until ${endsMs}, ${reply.notes.length} notes`);
  }

  goAlone(nodes: number, nowMs: number): void {
    this.heard.push(`alone of ${nodes} at ${nowMs}`);
  }
}

async function newMember() {
  const clock = new EventClock();
  const calls: { readonly atMs: number; readonly request: ShareRequest }[] = [];
  const states: string[] = [];
  const part = new Part();
  const setup = { answer: async (): Promise<ShareReply> => REPLY };
  const member = new ShareMember({
    store: {
      exchange: (_scope, request) => {
        calls.push({ atMs: clock.now(), request });
        return setup.answer();
      },
    },
    scope: { kind: 'application', id: '1' },
    incarnation: 'me',
    clock,
    leaseTtlMs: 1_500,
    onState: (state) => states.push(state),
  });
  return { clock, calls, states, part, setup, member };
}

const away = async (): Promise<never> => {
  throw new Error('away');
};

describe('a member', () => {
  it('has an exchange four times a second', async () => {
    const { clock, calls, part, member } = await newMember();
    expect(await member.start([part])).toBe(true);
    await clock.runUntil(1_010);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 250, 500, 750, 1_000]);
    expect(part.heard[0]).toBe('until 1500, 0 notes');
  });

  it('has one soon where something needs it, with what came meanwhile, and more often while something waits', async () => {
    const { clock, calls, part, member } = await newMember();
    await member.start([part]);
    await clock.runUntil(100);
    for (let times = 0; times < 5; times++) member.soon();
    part.isWaiting = true;
    await clock.runUntil(210);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 103, 153, 203]);
  });

  it('hears only the notes of others, and says up to which', async () => {
    const { clock, calls, part, setup, member } = await newMember();
    const note = (id: string, from: string) => ({ id, from, ageMs: 0, text: '' });
    setup.answer = async () => ({ ...REPLY, notes: [note('7-0', 'other'), note('8-0', 'me')] });
    await member.start([part]);
    await clock.runUntil(260);
    expect(part.heard[0]).toBe('until 1500, 1 notes');
    expect(calls.map(({ request }) => request.readUpTo)).toEqual(['', '8-0']);
  });

  it('goes on alone when the store is away for as long as a lease, and together when it is back', async () => {
    const { clock, states, part, setup, member } = await newMember();
    await member.start([part]);
    setup.answer = away;
    await clock.runUntil(1_499);
    expect(states).toEqual([]);
    await clock.runUntil(1_501);
    expect(states).toEqual(['alone']);
    expect(part.heard.at(-1)).toBe('alone of 3 at 1500');
    expect(member.isAlone).toBe(true);
    setup.answer = async () => REPLY;
    await clock.runUntil(2_010);
    expect(states).toEqual(['alone', 'together']);
    expect(member.isAlone).toBe(false);
  });

  it('does not go on alone because it hung, or because a call takes long', async () => {
    const { clock, states, part, setup, member } = await newMember();
    await member.start([part]);
    const late = Promise.withResolvers<ShareReply>();
    setup.answer = () => late.promise;
    await clock.runUntil(4_000);
    expect(states).toEqual([]);
    late.resolve(REPLY);
    await clock.runUntil(4_300);
    expect(states).toEqual([]);
  });

  it('does not go on alone because one call failed after it hung', async () => {
    const { clock, states, part, setup, member } = await newMember();
    await member.start([part]);
    const late = Promise.withResolvers<ShareReply>();
    setup.answer = () => late.promise;
    await clock.runUntil(4_000);
    setup.answer = away;
    late.reject(new Error('no answer'));
    await clock.runUntil(4_300);
    setup.answer = async () => REPLY;
    await clock.runUntil(9_000);
    expect(states).toEqual([]);
  });

  it('goes on alone with a part for each node that was there lately', async () => {
    const { clock, part, setup, member } = await newMember();
    await member.start([part]);
    setup.answer = async () => ({ ...REPLY, nodes: 1 });
    await clock.runUntil(1_000);
    setup.answer = away;
    await clock.runUntil(3_000);
    expect(member.nodes).toBe(1);
    expect(part.heard.at(-1)).toBe('alone of 3 at 2500');
  });

  it('never goes on alone before it has heard how many there are', async () => {
    const { clock, states, part, setup, member } = await newMember();
    setup.answer = away;
    expect(await member.start([part])).toBe(false);
    await clock.runUntil(5_000);
    expect(states).toEqual([]);
    expect(part.heard).toEqual([]);
  });

  it('says which exchange it has heard of last, and none when it has gone on alone since', async () => {
    const { clock, calls, part, setup, member } = await newMember();
    await member.start([part]);
    await clock.runUntil(300);
    setup.answer = away;
    await clock.runUntil(2_000);
    expect(member.isAlone).toBe(true);
    const told = calls.map(({ request: { number, heard } }) => [number, heard]);
    expect(told.slice(0, 4)).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 2],
    ]);
    expect(told.at(-1)?.[1]).toBe(-1);
  });

  it('leaves without a word where the store is away', async () => {
    const { clock, calls, part, setup, member } = await newMember();
    await member.start([part]);
    setup.answer = away;
    await clock.runUntil(300);
    await member[Symbol.asyncDispose]();
    await clock.runUntil(5_000);
    expect(calls).toHaveLength(2);
  });

  it('says that it leaves, and then nothing more', async () => {
    const { clock, calls, part, member } = await newMember();
    await member.start([part]);
    await member[Symbol.asyncDispose]();
    member.soon();
    await clock.runUntil(5_000);
    expect(calls.map(({ request }) => request.isLeaving)).toEqual([false, true]);
  });
});
