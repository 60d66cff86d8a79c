/** What nodes tell each other in notes: short words that are worth hearing at once, and lost without harm. */
import { z } from 'zod';
import type { ShareDraft, SharePart } from './part.ts';
import type { ShareReply } from './ports.ts';

/** Every field is by itself. A node of another version may know others. */
const NEWS = z.object({
  /** Of an application: nothing goes for so long, which a 429 has said. */
  globalMs: z.number().min(0).max(86_400_000).optional(),
  /** Of an application: the digest of a bot token that Discord has refused. */
  refusedToken: z.string().max(64).optional(),
  /** Of an address: it is shut out for so long. */
  blockedMs: z.number().min(0).max(86_400_000).optional(),
  /** Of an address: invalid requests, by account. */
  invalid: z.record(z.string(), z.number().int().min(1).max(1_000_000)).optional(),
});

export type News = z.infer<typeof NEWS>;

export interface NewsroomOptions {
  readonly onNews: (news: News, ageMs: number, nowMs: number) => void;
  /** What was to be said has been heard by the store, which so many nodes read. */
  readonly onHeard?: (nodes: number) => void;
  readonly onNeed: () => void;
}

/** More than this waits only while the store is away: then the oldest goes. */
const MAX_WAITING = 1_000;

export class Newsroom implements SharePart {
  readonly #options: NewsroomOptions;
  #waiting: News[] = [];
  /** Since the last exchange. */
  #invalid = new Map<string, number>();

  constructor(options: NewsroomOptions) {
    this.#options = options;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0 || this.#invalid.size > 0;
  }

  say(news: News): void {
    this.#waiting.push(news);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.#options.onNeed();
  }

  countInvalid(account: string): void {
    this.#invalid.set(account, (this.#invalid.get(account) ?? 0) + 1);
    this.#options.onNeed();
  }

  tell(draft: ShareDraft): void {
    this.#gather();
    draft.notes = this.#waiting.map((news) => JSON.stringify(news));
  }

  hear({ notes, nodes }: ShareReply, told: ShareDraft, _endsMs: number, nowMs: number): void {
    this.#waiting = this.#waiting.slice(told.notes?.length ?? 0);
    const { onNews, onHeard } = this.#options;
    for (const { text, ageMs } of notes) {
      const news = NEWS.safeParse(parsed(text));
      if (news.success) onNews(news.data, ageMs, nowMs);
    }
    onHeard?.(nodes);
  }

  goAlone(): void {
    // What is to be said is said when the store is back.
  }

  /** With what was told and not heard of: a reply that was lost may make it count twice, never not at all. */
  #gather(): void {
    if (this.#invalid.size === 0) return;
    const before = this.#waiting.find(({ invalid }) => invalid)?.invalid;
    const invalid = before ?? {};
    for (const [account, count] of this.#invalid) invalid[account] = (invalid[account] ?? 0) + count;
    if (!before) this.#waiting.push({ invalid });
    this.#invalid = new Map();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
