/** Logs, metrics, and the server that shows how a node is. */
export { createLogger, type Logger, type LoggerOptions, moduleLogger } from './logger.ts';
export {
  createMetrics,
  type MetricDescription,
  type MetricOptions,
  type Metrics,
  type Observe,
} from './metrics.ts';
export type { HistogramReading } from './observed-histogram.ts';
export {
  type Checks,
  type StatusServer,
  StatusServerError,
  type StatusServerOptions,
  startStatusServer,
} from './status-server.ts';
