import { describe, expect, it } from 'vitest';
import { EventTypeId } from '../../../src/protocol/event-types.ts';
import { Voice, type VoiceOptions } from '../../../src/voice/index.ts';
import { AWAY_LIMIT_MS } from '../../../src/voice/sessions.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const BOT = '5';
const GUILD = '900000000000000001';
const WAIT_MS = 500;

function newVoice(mode: VoiceOptions['mode'] = 'owner') {
  const clock = new ManualClock();
  const noted = { changes: 0 };
  const voice = new Voice({
    mode,
    clock,
    hasGuild: (guildId) => guildId === GUILD,
    onChanged: () => noted.changes++,
  });
  voice.reset(BOT);
  let sequence = 0;
  /** In the midst of other bytes, as it comes. */
  const dispatch = (type: string, typeId: number, d: object) => {
    sequence++;
    const text = `{"t":"${type}","s":${sequence},"op":0,"d":${JSON.stringify(d)}}`;
    const bytes = Buffer.from(`before${text}after"user_id":"${BOT}"`);
    return voice.audienceOf(sequence, typeId, bytes, 6, 6 + text.length);
  };
  return {
    voice,
    clock,
    noted,
    join: (tag: string, channel_id: string | null = '1', startSequence = sequence) =>
      voice.commanded({ tag, startSequence }, { guild_id: GUILD, channel_id }),
    state: (channel_id: string | null, user_id = BOT) =>
      dispatch('VOICE_STATE_UPDATE', EventTypeId.VoiceStateUpdate, {
        member: { user: { id: '77' }, nick: `"user_id":"${BOT}"` },
        user_id,
        session_id: 's',
        guild_id: GUILD,
        channel_id,
      }),
    server: (endpoint: string | null = 'a:443') =>
      dispatch('VOICE_SERVER_UPDATE', EventTypeId.VoiceServerUpdate, {
        token: 'secret',
        guild_id: GUILD,
        endpoint,
      }),
    guildDelete: (d: object) => dispatch('GUILD_DELETE', EventTypeId.GuildDelete, d),
    /** A session that is here; what it was told from memory. */
    session: (tag: string) => {
      const told: string[] = [];
      const place = { canTake: true };
      const onVoiceServer = (d: string) => {
        if (place.canTake) told.push(d);
        return place.canTake;
      };
      return { told, place, connection: voice.connect(tag, { onVoiceServer }) };
    },
    release: (reason: Parameters<typeof voice.counts.releases.get>[0]) => voice.counts.releases.get(reason),
    [Symbol.dispose]: () => voice[Symbol.dispose](),
  };
}

type TestVoice = ReturnType<typeof newVoice>;

function joined(voice: TestVoice, tag = 'A'): void {
  voice.join(tag);
  voice.state('1');
  voice.server();
}

describe('the voice events of a guild', () => {
  it('are for everybody before anybody joined, and for the one that joined from then on', () => {
    using voice = newVoice();
    expect([voice.state('1'), voice.server()]).toEqual([undefined, undefined]);
    voice.join('A');
    expect([voice.state('1'), voice.server(), voice.state('2')]).toEqual(['A', 'A', 'A']);
    expect([voice.voice.table.owners, voice.noted.changes, voice.voice.counts.joins]).toEqual([1, 1, 1]);
  });

  it('of other users are for everybody, whatever their members are called', () => {
    using voice = newVoice();
    joined(voice);
    expect(voice.state('1', '6')).toBeUndefined();
    expect(voice.state(null, '6')).toBeUndefined();
    expect(voice.server()).toBe('A');
  });

  it('are for the owner up to the one that says it has left', () => {
    using voice = newVoice();
    joined(voice);
    voice.join('A', null);
    expect([voice.state(null), voice.state('1')]).toEqual(['A', undefined]);
    expect(voice.release('left')).toBe(1);
  });

  it('are for everybody in broadcast mode, also where an earlier process had owners', () => {
    using before = newVoice();
    joined(before);
    using voice = newVoice('broadcast');
    voice.voice.table.restore(before.voice.table.state);
    expect(voice.server()).toBeUndefined();
    voice.voice.begin();
    expect([voice.state('1'), voice.voice.table.owners]).toEqual([undefined, 0]);
    voice.join('B');
    expect([voice.state('1'), voice.server()]).toEqual([undefined, undefined]);
  });

  it('of a guild that the bot is not in are nobody’s, however many of them are joined', () => {
    using voice = newVoice();
    for (let guild = 0; guild < 100; guild++)
      voice.voice.commanded({ tag: 'A', startSequence: 1 }, { guild_id: `${guild}`, channel_id: '1' });
    expect([voice.voice.table.seats.size, voice.clock.pendingTimers]).toEqual([0, 0]);
  });

  it('are for everybody once the bot was removed from the guild, not while the guild is out', () => {
    using voice = newVoice();
    joined(voice);
    voice.guildDelete({ id: GUILD, unavailable: true });
    expect(voice.server()).toBe('A');
    voice.guildDelete({ id: GUILD });
    expect(voice.server()).toBeUndefined();
    expect(voice.release('guild-removed')).toBe(1);
  });

  it('are for everybody in a new upstream session', () => {
    using voice = newVoice();
    joined(voice);
    voice.voice.reset(BOT);
    expect([voice.state('1'), voice.release('new-session')]).toEqual([undefined, 1]);
  });
});

describe('an owner', () => {
  it('whose session ends for good is none', () => {
    using voice = newVoice();
    const a = voice.session('A');
    joined(voice);
    voice.voice.end('A');
    a.connection[Symbol.dispose]();
    expect([voice.server(), voice.release('session-ended')]).toEqual([undefined, 1]);
    expect(voice.clock.pendingTimers).toBe(0);
  });

  it('whose connection ends is one until its time is over', () => {
    using voice = newVoice();
    const a = voice.session('A');
    joined(voice);
    a.connection[Symbol.dispose]();
    voice.clock.advance(AWAY_LIMIT_MS - 1);
    expect(voice.server()).toBe('A');
    voice.clock.advance(1);
    expect([voice.server(), voice.release('not-back')]).toEqual([undefined, 1]);
  });

  it('that comes back in time stays one', () => {
    using voice = newVoice();
    const a = voice.session('A');
    joined(voice);
    a.connection[Symbol.dispose]();
    voice.clock.advance(AWAY_LIMIT_MS - 1);
    voice.session('A');
    voice.clock.advance(AWAY_LIMIT_MS);
    expect(voice.server()).toBe('A');
  });

  it('that RESUMEs before its old connection is known to be dead stays one', () => {
    using voice = newVoice();
    const old = voice.session('A');
    joined(voice);
    voice.session('A');
    old.connection[Symbol.dispose]();
    voice.clock.advance(AWAY_LIMIT_MS);
    expect(voice.server()).toBe('A');
  });

  it('that has RESUMEd stays one when its old connection ends the session, as one that never reads', () => {
    using voice = newVoice();
    const old = voice.session('A');
    joined(voice);
    const now = voice.session('A');
    old.connection.end();
    old.connection[Symbol.dispose]();
    expect(voice.server()).toBe('A');
    now.connection.end();
    now.connection[Symbol.dispose]();
    expect([voice.server(), voice.release('session-ended')]).toEqual([undefined, 1]);
    expect(voice.clock.pendingTimers).toBe(0);
  });

  it('whose command is sent when its connection has ended already has the same time', () => {
    using voice = newVoice();
    voice.join('A');
    expect(voice.state('1')).toBe('A');
    voice.clock.advance(AWAY_LIMIT_MS);
    expect(voice.state('2')).toBeUndefined();
  });

  it('of an earlier process has its time from when workers are served', () => {
    using before = newVoice();
    joined(before);
    using voice = newVoice();
    voice.voice.table.restore(before.voice.table.state);
    voice.clock.advance(AWAY_LIMIT_MS);
    expect(voice.server()).toBe('A');
    voice.voice.begin();
    voice.clock.advance(AWAY_LIMIT_MS - 1);
    expect(voice.server()).toBe('A');
    voice.clock.advance(1);
    expect(voice.server()).toBeUndefined();
  });

  it('needs no time once the bot has left', () => {
    using voice = newVoice();
    const a = voice.session('A');
    joined(voice);
    a.connection[Symbol.dispose]();
    voice.state(null);
    expect(voice.clock.pendingTimers).toBe(0);
  });
});

describe('a session that joins where the bot is already', () => {
  const SERVER = JSON.stringify({ token: 'secret', guild_id: GUILD, endpoint: 'a:443' });

  it('gets the server where the one before it ended before Discord had answered that', () => {
    using voice = newVoice();
    voice.join('A');
    voice.voice.end('A');
    expect([voice.state('1'), voice.server()]).toEqual([undefined, undefined]);
    const b = voice.session('B');
    voice.join('B');
    expect(voice.state('1')).toBe('B');
    voice.clock.advance(WAIT_MS);
    expect(b.told).toEqual([SERVER]);
  });

  it('gets the server from memory, behind the state from Discord', () => {
    using voice = newVoice();
    joined(voice);
    const b = voice.session('B');
    voice.join('B');
    voice.clock.advance(WAIT_MS);
    expect(b.told).toEqual([]);
    expect(voice.state('1')).toBe('B');
    voice.clock.advance(WAIT_MS);
    expect([b.told, voice.voice.counts.answers]).toEqual([[SERVER], 1]);
    voice.clock.advance(60_000);
    expect(b.told).toHaveLength(1);
  });

  it('gets it on its newest connection, not on one that may be dead', () => {
    using voice = newVoice();
    joined(voice);
    const old = voice.session('B');
    voice.join('B');
    voice.state('1');
    const now = voice.session('B');
    now.place.canTake = false;
    voice.clock.advance(WAIT_MS);
    now.place.canTake = true;
    voice.clock.advance(WAIT_MS);
    expect([old.told, now.told]).toEqual([[], [SERVER]]);
  });

  it('gets it once it can take it', () => {
    using voice = newVoice();
    joined(voice);
    const b = voice.session('B');
    b.place.canTake = false;
    voice.join('B');
    voice.state('1');
    voice.clock.advance(3 * WAIT_MS);
    b.place.canTake = true;
    voice.clock.advance(WAIT_MS);
    expect(b.told).toEqual([SERVER]);
  });

  it.each<[string, (voice: TestVoice) => void]>([
    ['Discord sends one of its own', (voice) => voice.server('b:443')],
    ['the bot leaves after all', (voice) => void [voice.state(null), voice.state(null)]],
    ['Discord does not answer', () => undefined],
    ['the server is gone', (voice) => void [voice.server(null), voice.state('1')]],
  ])('gets none from memory where %s', (_, happen) => {
    using voice = newVoice();
    voice.session('A');
    joined(voice);
    const b = voice.session('B');
    voice.join('B');
    happen(voice);
    for (let wait = 0; wait < 40; wait++) voice.clock.advance(WAIT_MS);
    expect(b.told).toEqual([]);
    expect(voice.clock.pendingTimers).toBe(0);
  });

  it('gets none where it has had it, from Discord or from memory', () => {
    using voice = newVoice();
    const a = voice.session('A');
    joined(voice);
    voice.join('A');
    voice.state('1');
    voice.clock.advance(WAIT_MS);
    expect(a.told).toEqual([]);
  });

  it('gets it in broadcast mode where it was not there when Discord sent it', () => {
    using voice = newVoice('broadcast');
    const [a, b] = [voice.session('A'), voice.session('B')];
    voice.join('A', '1', 0);
    voice.state('1');
    voice.server();
    for (const [tag, start] of [
      ['A', 0],
      ['B', 2],
      ['B', 2],
    ] as const) {
      voice.join(tag, '1', start);
      voice.state('1');
      voice.clock.advance(WAIT_MS);
    }
    expect([a.told, b.told]).toEqual([[], [SERVER]]);
  });
});

describe('what is written of it', () => {
  it('is what has changed since, once, and makes the same of what was before', () => {
    using voice = newVoice();
    joined(voice);
    const { table } = voice.voice;
    const base = structuredClone(table.state);
    table.read()?.written();
    expect(table.read()).toBeUndefined();
    voice.join('B', '2');
    const first = table.read();
    voice.state(null);
    first?.written();
    const second = table.read();
    using later = newVoice();
    for (const stored of [base, first?.changes, second?.changes])
      later.voice.table.restore(JSON.parse(JSON.stringify(stored)));
    expect(later.voice.table.state).toEqual(JSON.parse(JSON.stringify(table.state)));
    voice.voice.end('B');
    voice.state(null);
    later.voice.table.restore(table.read()?.changes);
    expect(later.voice.table.state).toEqual({});
  });

  it('may be anything: a process from before wrote none of it', () => {
    using voice = newVoice();
    for (const stored of [undefined, null, 'x']) voice.voice.table.restore(stored);
    expect(voice.state('1')).toBeUndefined();
  });
});
