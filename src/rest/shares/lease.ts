/** Whether requests for one major parameter may go from this process. Where several nodes share an application, one at a time has it. */
import type { Lane } from '../lane.ts';

export interface MajorLease {
  /** Since when nobody else has used it, as far as this process knows. */
  readonly sinceMs: number;
  /** Until when a node that is gone without a word may have used it; 0 where there was none. */
  readonly doubtedUntilMs: number;
  mayGo(nowMs: number): boolean;
  /** A request came for it. */
  want(): void;
  /** How far its limits are used has changed. */
  touch(): void;
  /** A request goes. */
  send(): void;
  join(lane: Lane): void;
  part(lane: Lane): void;
}

export interface MajorLeases {
  of(major: string): MajorLease;
}

const nothing = () => undefined;

/** Of a node alone, and of what no two nodes will use at a time. */
export const ALWAYS: MajorLease = {
  sinceMs: 0,
  doubtedUntilMs: 0,
  mayGo: () => true,
  want: nothing,
  touch: nothing,
  send: nothing,
  join: nothing,
  part: nothing,
};

export const NOT_SHARED: MajorLeases = { of: () => ALWAYS };
