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
  readonly nowMs: () => number;
  readonly onNews: (news: News, ageMs: number, nowMs: number) => void;
  /** What was to be said has been heard by the store, which so many nodes read. */
  readonly onHeard?: (nodes: number, nowMs: number) => void;
  readonly onNeed: () => void;
}

/** More than this waits only while the store is away: then the oldest goes. */
const MAX_WAITING = 1_000;

interface Said {
  readonly news: News;
  readonly atMs: number;
}

export class Newsroom implements SharePart {
  readonly #options: NewsroomOptions;
  #waiting: Said[] = [];
  /** Since the last exchange. */
  #invalid = new Map<string, number>();

  constructor(options: NewsroomOptions) {
    this.#options = options;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0 || this.#invalid.size > 0;
  }

  say(news: News): void {
    this.#waiting.push({ news, atMs: this.#options.nowMs() });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.#options.onNeed();
  }

  countInvalid(account: string): void {
    this.#invalid.set(account, (this.#invalid.get(account) ?? 0) + 1);
    this.#options.onNeed();
  }

  tell(draft: ShareDraft, nowMs: number): void {
    this.#gather(nowMs);
    this.#waiting = this.#waiting.filter((said) => !isOver(aged(said, nowMs)));
    draft.notes = this.#waiting.map((said) => JSON.stringify(aged(said, nowMs)));
  }

  hear({ notes, nodes }: ShareReply, told: ShareDraft, _endsMs: number, nowMs: number): void {
    this.#waiting = this.#waiting.slice(told.notes?.length ?? 0);
    const { onNews, onHeard } = this.#options;
    for (const { text, ageMs } of notes) {
      const news = NEWS.safeParse(parsed(text));
      if (news.success) onNews(news.data, ageMs, nowMs);
    }
    onHeard?.(nodes, nowMs);
  }

  goAlone(): void {
    // What is to be said is said when the store is back.
  }

  /** With what was told and not heard of: a reply that was lost may make it count twice, never not at all. */
  #gather(nowMs: number): void {
    if (this.#invalid.size === 0) return;
    const before = this.#waiting.find(({ news }) => news.invalid)?.news.invalid;
    const invalid = before ?? {};
    for (const [account, count] of this.#invalid) invalid[account] = (invalid[account] ?? 0) + count;
    if (!before) this.#waiting.push({ news: { invalid }, atMs: nowMs });
    this.#invalid = new Map();
  }
}

/** What was said while the store was away is not as long any more. */
function aged({ news, atMs }: Said, nowMs: number): News {
  const { globalMs, blockedMs } = news;
  const left = (ms: number) => Math.max(0, Math.ceil(ms - (nowMs - atMs)));
  if (globalMs !== undefined) return { ...news, globalMs: left(globalMs) };
  return blockedMs === undefined ? news : { ...news, blockedMs: left(blockedMs) };
}

function isOver({ globalMs, blockedMs }: News): boolean {
  return globalMs === 0 || blockedMs === 0;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
