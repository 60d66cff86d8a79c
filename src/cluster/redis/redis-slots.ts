/** The identify slots in Redis; the decisions are in `lua/`. */
import { IDENTIFY_INTERVAL_MS } from '../../protocol/limits.ts';
import type { IdentifyBudget, IdentifySlots, SlotAnswer } from '../../upstream/index.ts';
import { PLACE_MARGIN_MS, TAKE_MARGIN_MS } from '../identify-spacing.ts';
import type { RedisConnections } from './connections.ts';
import { KEEP_MS, type RedisKeys } from './keys.ts';

/** As the header of `lua/take-slot.lua` says. */
type TakeReply =
  | readonly ['granted' | 'budget-unknown']
  | readonly ['wait', waitMs: number]
  | readonly ['held', remaining: number, waitMs: number];

export class RedisIdentifySlots implements IdentifySlots {
  readonly #connections: RedisConnections;
  readonly #keys: RedisKeys;
  readonly #intervalMs: number;

  /** `intervalMs`: Discord's. */
  constructor(connections: RedisConnections, keys: RedisKeys, intervalMs = IDENTIFY_INTERVAL_MS) {
    this.#connections = connections;
    this.#keys = keys;
    this.#intervalMs = intervalMs;
  }

  async reserve(bucket: number): Promise<{ readonly waitMs: number }> {
    const { slots } = this.#keys;
    const waitMs = await this.#connections.run(
      'reserve-slot',
      [slots],
      [bucket, this.#intervalMs + PLACE_MARGIN_MS, KEEP_MS],
    );
    return { waitMs: Number(waitMs) };
  }

  async take(bucket: number, reserve: number): Promise<SlotAnswer> {
    const { slots, budget } = this.#keys;
    const reply = (await this.#connections.run(
      'take-slot',
      [slots, budget],
      [bucket, reserve, this.#intervalMs + TAKE_MARGIN_MS, KEEP_MS],
    )) as TakeReply;
    if (reply[0] === 'wait') return { kind: 'wait', waitMs: reply[1] };
    if (reply[0] === 'held') return { kind: 'held', remaining: reply[1], waitMs: reply[2] };
    return { kind: reply[0] };
  }

  async noteSent(bucket: number): Promise<void> {
    await this.#connections.run('note-identify', [this.#keys.slots], [bucket, KEEP_MS]);
  }

  async markBudget(): Promise<number> {
    return Number(await this.#connections.readField(this.#keys.budget, 'takes'));
  }

  async setBudget({ maxConcurrency, remaining, resetAfterMs }: IdentifyBudget, mark: number): Promise<void> {
    await this.#connections.run(
      'set-budget',
      [this.#keys.budget],
      [maxConcurrency, remaining, resetAfterMs, mark, KEEP_MS],
    );
  }

  async budget(): Promise<IdentifyBudget | undefined> {
    const reply = (await this.#connections.run('read-budget', [this.#keys.budget], [])) as number[];
    const [maxConcurrency, remaining, resetAfterMs] = reply;
    if (maxConcurrency === undefined || remaining === undefined || resetAfterMs === undefined)
      return undefined;
    return { maxConcurrency, remaining, resetAfterMs };
  }
}
