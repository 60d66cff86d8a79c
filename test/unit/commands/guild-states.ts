/** Guild state of nodes under test. */
import { GuildState } from '../../../src/commands/gateway/guild-state.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const MEBIBYTE = 1024 * 1024;

type Config = ConstructorParameters<typeof GuildState>[0];

const TAIL: Config['tail'] = {
  store: 'disk',
  directory: '',
  flushIntervalMs: 100,
  flushBytes: MEBIBYTE,
  maxBytesPerShard: 4 * MEBIBYTE,
  maxAgeMs: 300_000,
};

export function guildState(clock: Clock, { guilds, tail }: Partial<GuildStateConfig> = {}): GuildState {
  const kept = { state: 'memory' as const, off: [], maxBytesPerShard: 64 * MEBIBYTE, ...guilds };
  return new GuildState({ guilds: kept, tail: { ...TAIL, ...tail } }, clock);
}

interface GuildStateConfig {
  readonly guilds: Partial<Config['guilds']>;
  readonly tail: Partial<Config['tail']>;
}

export const WITHOUT_GUILDS = guildState(new ManualClock(), { guilds: { state: 'off' } });
