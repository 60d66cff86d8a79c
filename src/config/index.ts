/** Configuration of `shardmux gateway`. Only commands/ and main.ts import it: modules take options types of their own. */
export type { HostPort } from './address-kinds.ts';
export type { Kind } from './kind.ts';
export { type ConfigResult, type LoadConfigOptions, loadConfig } from './load.ts';
export { nearestName } from './nearest-name.ts';
export { type ConfigProblem, problemsText } from './problem.ts';
export type { ApplicationConfig, GatewayConfig } from './resolve.ts';
export { botToken, duration, integer, text } from './scalar-kinds.ts';
export { LOG_LEVELS } from './schema.ts';
export { Secret } from './secret.ts';
export { settingsMarkdown } from './settings-table.ts';
export type { PresenceSetting, ShardCount, WorkerTokenSetting } from './structured-kinds.ts';
