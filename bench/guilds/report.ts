/** From what guilds take to what is printed. Pure. */
import { tableOf } from '../table.ts';
import type { ApplyTimes } from './apply.ts';
import type { GuildMemory } from './memory.ts';
import type { GuildReadingTimes } from './read.ts';

const MEMORY_GOAL_MIB = 8;
const APPLY_GOAL_US = 0.25;

const MEMORY_COLUMNS = [
  { heading: '1,000 guilds', width: 30, isText: true },
  { heading: 'RSS MiB', width: 9 },
  { heading: 'bodies', width: 8 },
  { heading: 'pending', width: 9 },
] as const;

const READING_COLUMNS = [
  { heading: 'a guild is read', width: 34, isText: true },
  { heading: 'KiB', width: 5 },
  { heading: 'median ms', width: 11 },
  { heading: 'mean', width: 7 },
  { heading: 'most', width: 7 },
  { heading: 'to begin', width: 10 },
] as const;

export interface GuildTimes {
  readonly apply: ApplyTimes;
  readonly readings: readonly GuildReadingTimes[];
}

export function guildsText(memory: readonly GuildMemory[], { apply, readings }: GuildTimes): string {
  const or = (value: number | null) => (value === null ? '-' : value.toFixed(1));
  const memoryRows = memory.map(({ way, rssMib, bodiesMib, pendingMib }) => [
    way,
    rssMib.toFixed(1),
    or(bodiesMib),
    or(pendingMib),
  ]);
  const readingRows = readings.map(({ what, guildKib, medianMs, meanMs, mostMs, begunMs }) => [
    what,
    guildKib.toFixed(0),
    medianMs.toFixed(3),
    meanMs.toFixed(3),
    mostMs.toFixed(1),
    begunMs.toFixed(2),
  ]);
  const verdict = (isMet: boolean) => (isMet ? 'met' : 'MISSED');
  const atRest = memory.find(({ way }) => way === 'kept, at rest')?.rssMib ?? Number.NaN;
  return [
    tableOf(MEMORY_COLUMNS, memoryRows),
    tableOf(READING_COLUMNS, readingRows),
    `an event is noted in ${apply.applyUs.toFixed(3)} us on the hot path, and takes ${apply.laterUs.toFixed(2)} us later`,
    `goal: RSS of 1,000 typical guilds, at rest <= ${MEMORY_GOAL_MIB} MiB: ${atRest.toFixed(1)}: ${verdict(atRest <= MEMORY_GOAL_MIB)}`,
    `goal: noting an event <= ${APPLY_GOAL_US} us: ${apply.applyUs.toFixed(3)}: ${verdict(apply.applyUs <= APPLY_GOAL_US)}`,
  ].join('\n');
}
