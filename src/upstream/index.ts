export { TapError } from './byte-tap.ts';
export type { LateCommand } from './command-queue.ts';
export {
  type DiscordApi,
  type FetchGatewayInformation,
  fetchGatewayInformation,
  type GatewayInformation,
} from './gateway-information.ts';
export { IdentifyGate, type IdentifyGateOptions, type IdentifyWaiting } from './identify-gate.ts';
export { InformationSource } from './information-source.ts';
export type {
  DispatchSink,
  IdentifyBudget,
  IdentifySlots,
  SlotAnswer,
  UpstreamLog,
  UpstreamSession,
} from './ports.ts';
export { UpstreamShard, type UpstreamState } from './shard.ts';
export type { UpstreamShardOptions } from './shard-options.ts';
