/** Who may send requests: the worker tokens of the configuration, or the bot tokens as they are now. */
import type { GatewayConfig } from '../../config/index.ts';
import type { CallerAuthenticator } from '../../rest/index.ts';
import { createAuthenticator } from '../../workers/index.ts';
import { workerAccounts } from '../worker-accounts.ts';
import type { BotToken } from './bot-token.ts';

/** `onChange` is called when a token that was good is not any more. */
export function callersOf(
  config: GatewayConfig,
  tokens: readonly BotToken[],
  onChange: () => void,
): CallerAuthenticator {
  if (config.workers.tokens.length > 0) return createAuthenticator(workerAccounts(config));
  const read = () =>
    createAuthenticator(
      tokens.map((token) => ({ name: 'bot', token: token.reveal(), applicationId: token.applicationId })),
    );
  let current = read();
  for (const token of tokens) {
    token.onChange(() => {
      current = read();
      onChange();
    });
  }
  return { authenticate: (token) => current.authenticate(token) };
}
