/** Something that nodes share of a scope: it says what it has and needs, and hears what it may have. */
import type { ShareReply, ShareRequest } from './ports.ts';

/** What a part adds to a request. */
export type ShareDraft = {
  -readonly [Field in keyof ShareRequest]?: ShareRequest[Field];
};

export interface SharePart {
  tell(draft: ShareDraft, nowMs: number): void;
  /** `told`: what the reply is to. `endsMs`: until when what was granted lasts. */
  hear(reply: ShareReply, told: ShareDraft, endsMs: number, nowMs: number): void;
  /** The store did not answer for as long as a lease lasts: the node goes on by itself. `nodes`: as many as there were. */
  goAlone(nodes: number, nowMs: number): void;
  /** Whether something waits for the next exchange. */
  readonly isWaiting: boolean;
  /** Whether something waits that could not be told in the last one. */
  readonly isHurried?: boolean;
  /** Whether there is more to tell before this process may leave. */
  readonly hasMore?: boolean;
}
