/** Everything that routes read and change. */
import type { Application } from '../../application.ts';
import { Snowflakes } from '../rules/snowflake.ts';
import { Messages } from './messages.ts';
import { Places } from './places.ts';
import { Webhooks } from './webhooks.ts';

/** Sent messages that can be edited, deleted and listed, over all channels. */
const MAX_MESSAGES = 20_000;

export interface World {
  readonly application: Application;
  readonly gatewayUrl: () => string;
  readonly places: Places;
  readonly messages: Messages;
  readonly webhooks: Webhooks;
  readonly snowflakes: Snowflakes;
}

export function createWorld(
  application: Application,
  gatewayUrl: () => string,
  epochMs: () => number,
): World {
  return {
    application,
    gatewayUrl,
    places: new Places(application),
    messages: new Messages(MAX_MESSAGES),
    webhooks: new Webhooks(application.applicationId),
    snowflakes: new Snowflakes(epochMs),
  };
}
