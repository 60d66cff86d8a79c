/** What Discord will not take any more: a bot token that it has refused, webhooks that don't exist. Pure. */
import type { LimiterOptions } from './ports.ts';
import { WebhookLocks } from './webhook-locks.ts';

export class Locks {
  readonly webhooks: WebhookLocks;
  readonly #onTokenLocked: (tokenId: string) => void;
  tokenId: string;
  /** The token that Discord has refused. */
  lockedTokenId: string | undefined;

  constructor({ limits, tokenId, onTokenLocked }: LimiterOptions) {
    this.webhooks = new WebhookLocks(limits.maxLockedWebhooks);
    this.#onTokenLocked = onTokenLocked;
    this.tokenId = tokenId;
  }

  get isTokenLocked(): boolean {
    return this.lockedTokenId === this.tokenId;
  }

  /** A 401 may come late, for a token that is not used any more. */
  lockToken(tokenId: string): void {
    if (tokenId !== this.tokenId || this.isTokenLocked) return;
    this.lockedTokenId = tokenId;
    this.#onTokenLocked(tokenId);
  }

  rotateToken(tokenId: string): void {
    this.tokenId = tokenId;
  }
}
