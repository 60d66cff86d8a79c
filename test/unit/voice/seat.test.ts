import { describe, expect, it } from 'vitest';
import {
  afterJoin,
  afterVoiceServer,
  afterVoiceState,
  hasServer,
  type VoiceSeat,
  withHolder,
  withoutSession,
} from '../../../src/voice/seat.ts';

/** What happens one after the other, and whom each dispatch is for. */
function story(
  ...steps: readonly (readonly ['join' | 'state' | 'server' | 'end', string | null, string?])[]
) {
  let seat: VoiceSeat | undefined;
  const audiences: (string | undefined)[] = [];
  const take = (outcome: ReturnType<typeof afterVoiceState>) => {
    audiences.push(outcome.audience);
    seat = outcome.seat;
  };
  for (const [kind, what, channelId] of steps) {
    if (kind === 'join') seat = afterJoin(seat, what ?? undefined, channelId ?? 'x');
    else if (kind === 'state') take(afterVoiceState(seat, what));
    else if (kind === 'server') take(afterVoiceServer(seat, 7, what ?? undefined));
    else seat = seat && withoutSession(seat, what ?? '');
  }
  return { audiences, seat };
}

describe('the owner of a voice', () => {
  it('is nobody before anybody joins', () => {
    expect(story(['state', 'x'], ['server', '{}'], ['state', null]).audiences).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is who joined, from the command on until the bot has left', () => {
    const { audiences, seat } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['server', '{}'],
      ['state', 'y'],
      ['state', null],
      ['state', 'x'],
    );
    expect(audiences).toEqual(['A', 'A', 'A', 'A', undefined]);
    expect(seat).toMatchObject({ channelId: 'x' });
  });

  it('is the last of those who joined', () => {
    const { audiences } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['server', '{}'],
      ['join', 'B', 'y'],
      ['state', 'y'],
      ['server', '{}'],
    );
    expect(audiences).toEqual(['A', 'A', 'B', 'B']);
  });

  it('is B where A leaves while B joins: the end is A’s, the beginning B’s', () => {
    const { audiences, seat } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['join', 'B', 'x'],
      ['state', null],
      ['state', 'x'],
      ['server', '{}'],
    );
    expect(audiences).toEqual(['A', 'A', 'B', 'B']);
    expect(seat?.owner).toBe('B');
  });

  it('is A where A leaves and joins again at once', () => {
    const { audiences } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['join', 'A'],
      ['state', null],
      ['state', 'x'],
      ['server', '{}'],
    );
    expect(audiences).toEqual(['A', 'A', 'A', 'A']);
  });

  it('is still A for a change of where A is, while B joins elsewhere', () => {
    const { audiences } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['join', 'B', 'y'],
      ['state', 'x'],
      ['state', 'y'],
      ['state', null],
    );
    expect(audiences).toEqual(['A', 'A', 'B', 'B']);
  });

  it('of three that join before Discord answers is the last, and what was the first’s is still the first’s', () => {
    const { audiences } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['join', 'B', 'y'],
      ['join', 'C', 'z'],
      ['state', null],
      ['state', 'z'],
    );
    expect(audiences).toEqual(['A', 'A', 'C']);
  });

  it('is nobody once its session is over, and what is known of the voice stays', () => {
    const { audiences, seat } = story(
      ['join', 'A'],
      ['state', 'x'],
      ['server', '{"token":1}'],
      ['end', 'A'],
      ['state', 'y'],
    );
    expect(audiences.at(-1)).toBeUndefined();
    expect(seat).toMatchObject({ channelId: 'y', server: { d: '{"token":1}' } });
  });

  it('is nobody where its session is over before Discord has answered, and the answer is kept', () => {
    const { audiences, seat } = story(['join', 'A'], ['end', 'A'], ['state', 'x'], ['server', '{}']);
    expect(audiences).toEqual([undefined, undefined]);
    expect(seat).toMatchObject({ channelId: 'x', server: { d: '{}', isForAll: true } });
  });

  it('stays B when A, whose voice it was, is over', () => {
    const { audiences } = story(['join', 'A'], ['state', 'x'], ['join', 'B'], ['end', 'A'], ['state', null]);
    expect(audiences).toEqual(['A', 'B']);
  });
});

describe('a voice server', () => {
  const session = (tag: string, startSequence = 1) => ({ tag, startSequence });

  it('is had by the owner it went to, by nobody else', () => {
    const { seat = {} } = story(['join', 'A'], ['state', 'x'], ['server', '{}']);
    expect([hasServer(seat, session('A')), hasServer(seat, session('B'))]).toEqual([true, false]);
  });

  it('that went to everybody is had by every session of its time', () => {
    const { seat = {} } = story(['server', '{}']);
    expect([hasServer(seat, session('A', 6)), hasServer(seat, session('B', 7))]).toEqual([true, false]);
  });

  it('is had by whom it was given from memory', () => {
    const { seat = {} } = story(['server', '{}']);
    expect(hasServer(withHolder(seat, 'B'), session('B', 7))).toBe(true);
  });

  it('that went away is had by nobody', () => {
    const { seat = {} } = story(['join', 'A'], ['server', '{}'], ['server', null]);
    expect(hasServer(seat, session('A'))).toBe(false);
  });
});
