/** What guilds are written to where nothing is kept. */
import type { GuildStore } from '../../guilds/index.ts';

export class UnkeptGuilds implements GuildStore {
  readonly bytes = 0;

  async begin(): Promise<void> {}

  async put(): Promise<void> {}

  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
