/** How tests steer the API and look at what it was sent. */
import { randomBytes } from 'node:crypto';
import type { Application } from '../application.ts';
import { isEntity } from '../state/entities.ts';
import type { RestApi } from './api.ts';
import type { RestFault } from './faults.ts';
import type { ReceivedRequest } from './received.ts';

export interface RestControl {
  /** The newest 1,000. */
  readonly received: readonly ReceivedRequest[];
  forgetReceived(): void;
  /** Answers with 2xx, by who asked, route and major parameter: `bot GET /channels/:channel 123`. */
  served(): Record<string, number>;
  /** The first text channel of every guild of a shard. */
  channelIds(shard: number): string[];
  /** As if the gateway had told of one just now. `channelId` is where answers go. */
  createInteraction(channelId: string): { id: string; token: string };
}

/** https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object-interaction-type */
const APPLICATION_COMMAND = 2;

export function controlOf(application: Application, api: RestApi): RestControl {
  return {
    received: api.received.all,
    forgetReceived: () => api.received.clear(),
    served: () => api.served(),
    channelIds: (shard) =>
      application
        .shard(shard)
        .guilds.all()
        .map(({ channelId }) => channelId),
    createInteraction(channelId) {
      const id = api.world.snowflakes.next();
      const token = randomBytes(64).toString('base64url');
      admitInteraction(api, { id, token, type: APPLICATION_COMMAND, channel_id: channelId });
      return { id, token };
    },
  };
}

/** `d` of an INTERACTION_CREATE, which can be answered from now on. */
export function admitInteraction(api: RestApi, d: unknown): void {
  if (!isEntity(d) || typeof d['id'] !== 'string' || typeof d['token'] !== 'string') return;
  api.world.webhooks.admit({
    id: d['id'],
    token: d['token'],
    type: Number(d['type'] ?? APPLICATION_COMMAND),
    channelId: String(d['channel_id'] ?? ''),
    createdMs: api.nowMs,
    originalId: undefined,
    isAcknowledged: false,
  });
}

export function injectRest(api: RestApi, fault: RestFault): void {
  switch (fault.kind) {
    case 'rest-delete-webhook':
      if (!api.world.webhooks.delete(fault.webhook))
        throw new RangeError(`there is no webhook ${fault.webhook}`);
      return;
    case 'rest-ban':
      return api.invalidRequests.ban(fault.address, api.nowMs + fault.ms);
    case 'rest-clear':
      return api.faults.clear();
    default:
      api.faults.add(fault);
  }
}
