/** Messages that were sent through the API, per channel. The last so many that were sent: older ones are forgotten as if they had been deleted. */
import type { Entity } from '../../state/entities.ts';

export interface Page {
  limit: number;
  before?: string | undefined;
  after?: string | undefined;
  around?: string | undefined;
}

export class Messages {
  readonly #maxMessages: number;
  /** By channel, then by id, in the order of their ids. */
  readonly #byChannel = new Map<string, Map<string, Entity>>();
  /** The last that were sent, there or not; the oldest is at `#next`. No Map: its first entry is slow to find after many were deleted. */
  readonly #sent: { channelId: string; id: string }[] = [];
  #next = 0;
  #size = 0;

  constructor(maxMessages: number) {
    this.#maxMessages = maxMessages;
  }

  get size(): number {
    return this.#size;
  }

  add(channelId: string, id: string, message: Entity): void {
    const channel = this.#byChannel.get(channelId) ?? new Map<string, Entity>();
    this.#byChannel.set(channelId, channel);
    channel.set(id, message);
    this.#size += 1;
    const oldest = this.#sent[this.#next];
    if (oldest) this.delete(oldest.channelId, oldest.id);
    this.#sent[this.#next] = { channelId, id };
    this.#next = (this.#next + 1) % this.#maxMessages;
  }

  find(channelId: string, id: string): Entity | undefined {
    return this.#byChannel.get(channelId)?.get(id);
  }

  /** Whether it was there. */
  delete(channelId: string, id: string): boolean {
    const channel = this.#byChannel.get(channelId);
    if (!channel?.delete(id)) return false;
    if (channel.size === 0) this.#byChannel.delete(channelId);
    this.#size -= 1;
    return true;
  }

  /** Oldest first. */
  all(channelId: string): Entity[] {
    return [...(this.#byChannel.get(channelId)?.values() ?? [])];
  }

  /** Newest first, as Discord lists them. */
  page(channelId: string, { limit, before, after, around }: Page): Entity[] {
    const all = [...(this.#byChannel.get(channelId) ?? [])];
    const from = (id: string) => firstAtLeast(all, BigInt(id));
    let [start, end] = [Math.max(0, all.length - limit), all.length];
    if (around !== undefined) {
      start = Math.max(0, from(around) - Math.floor(limit / 2));
      end = start + limit;
    } else if (before !== undefined) {
      end = from(before);
      start = Math.max(0, end - limit);
    } else if (after !== undefined) {
      start = firstAtLeast(all, BigInt(after) + 1n);
      end = start + limit;
    }
    return all
      .slice(start, end)
      .map(([, message]) => message)
      .reverse();
  }
}

/** Index of the first message whose id is at least `id`. */
function firstAtLeast(all: readonly (readonly [string, Entity])[], id: bigint): number {
  const index = all.findIndex(([each]) => BigInt(each) >= id);
  return index < 0 ? all.length : index;
}
