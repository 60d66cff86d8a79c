/** Webhooks that were made through the API, and interactions, which are answered through a webhook of the application. */
import { randomBytes } from 'node:crypto';

export interface Webhook {
  id: string;
  token: string;
  channelId: string;
  guildId: string | null;
  name: string;
}

export interface Interaction {
  id: string;
  token: string;
  type: number;
  channelId: string;
  createdMs: number;
  /** Id of the first answer's message, where it has one. */
  originalId: string | undefined;
  isAcknowledged: boolean;
}

/** What a path with a webhook's id and token leads to. */
export type Credential =
  | { kind: 'webhook'; webhook: Webhook }
  | { kind: 'interaction'; interaction: Interaction }
  | { kind: 'unknown' }
  | { kind: 'wrong-token' };

/** https://discord.com/developers/docs/interactions/receiving-and-responding#responding-to-an-interaction */
export const CALLBACK_WINDOW_MS = 3_000;
const TOKEN_WINDOW_MS = 900_000;

const MAX_WEBHOOKS = 10_000;
const MAX_INTERACTIONS = 10_000;

/** Of tokens as Discord makes them: 68 characters. */
const TOKEN_BYTES = 51;

export class Webhooks {
  readonly #applicationId: string;
  readonly #webhooks = new Map<string, Webhook>();
  readonly #interactions = new Map<string, Interaction>();
  readonly #interactionOfToken = new Map<string, Interaction>();

  constructor(applicationId: string) {
    this.#applicationId = applicationId;
  }

  create(facts: Omit<Webhook, 'token'>): Webhook {
    const webhook = { ...facts, token: randomBytes(TOKEN_BYTES).toString('base64url') };
    if (this.#webhooks.size >= MAX_WEBHOOKS) this.#webhooks.delete([...this.#webhooks.keys()][0] ?? '');
    this.#webhooks.set(webhook.id, webhook);
    return webhook;
  }

  find(id: string): Webhook | undefined {
    return this.#webhooks.get(id);
  }

  /** Whether it was there. */
  delete(id: string): boolean {
    return this.#webhooks.delete(id);
  }

  ofChannel(channelId: string): Webhook[] {
    return [...this.#webhooks.values()].filter((webhook) => webhook.channelId === channelId);
  }

  /** An interaction that the gateway has told of. */
  admit(interaction: Interaction): void {
    if (this.#interactions.size >= MAX_INTERACTIONS) {
      const [oldest] = this.#interactions.values();
      if (oldest) this.#forget(oldest);
    }
    this.#interactions.set(interaction.id, interaction);
    this.#interactionOfToken.set(interaction.token, interaction);
  }

  /** For its first answer, which has three seconds. */
  interaction(id: string, token: string, nowMs: number): Interaction | undefined {
    const interaction = this.#interactions.get(id);
    if (interaction?.token !== token || nowMs > interaction.createdMs + CALLBACK_WINDOW_MS) return undefined;
    return interaction;
  }

  /** An interaction has no webhook before its first answer. */
  credential(id: string, token: string, nowMs: number): Credential {
    if (id === this.#applicationId) {
      const interaction = this.#interactionOfToken.get(token);
      if (!interaction || nowMs > interaction.createdMs + TOKEN_WINDOW_MS) return { kind: 'wrong-token' };
      return interaction.isAcknowledged ? { kind: 'interaction', interaction } : { kind: 'unknown' };
    }
    const webhook = this.#webhooks.get(id);
    if (!webhook) return { kind: 'unknown' };
    return webhook.token === token ? { kind: 'webhook', webhook } : { kind: 'wrong-token' };
  }

  #forget({ id, token }: Interaction): void {
    this.#interactions.delete(id);
    this.#interactionOfToken.delete(token);
  }
}
