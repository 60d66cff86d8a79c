/**
 * Metrics in a registry of our own. Names follow `shardmux_<module>_<thing>_<unit>[_total]`; labels are bounded (a shard, a
 * close code, a route template; never a guild, user, session or token). The hot path counts in plain numbers of its own and is
 * read by an `observed…` metric at scrape time.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type HistogramReading, ObservedHistogram } from './observed-histogram.ts';

export type MetricOptions<Label extends string = never> = {
  name: string;
  help: string;
  labels?: readonly Label[];
};

type LabelValues<Label extends string> = Partial<Record<Label, string | number>>;

/** Called at scrape time; calls `set` once a label combination. */
export type Observe<Label extends string> = (
  set: (value: number, labels?: LabelValues<Label>) => void,
) => void;

export type MetricDescription = { name: string; type: string; help: string; labels: readonly string[] };

/** How often the event loop's lag is sampled, in ms: each sample wakes the process. */
const EVENT_LOOP_SAMPLE_MS = 20;

export type Metrics = ReturnType<typeof createMetrics>;

/** `processMetrics`: also Node's own (`process_…`, `nodejs_…`); once a process, as they start samplers that run to its end. */
export function createMetrics({ processMetrics = false }: { processMetrics?: boolean } = {}) {
  const registry = new Registry();
  if (processMetrics)
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });

  const common = <Label extends string>(
    { name, help, labels = [] }: MetricOptions<Label>,
    isCounter: boolean,
  ) => {
    requireName(name, isCounter);
    return { name, help, labelNames: labels, registers: [registry] };
  };

  return {
    counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label> {
      return new Counter(common(options, true));
    },

    gauge<Label extends string = never>(options: MetricOptions<Label>): Gauge<Label> {
      return new Gauge(common(options, false));
    },

    /** `buckets`: upper bounds in the metric's unit, ascending. */
    histogram<Label extends string = never>(
      options: MetricOptions<Label> & { buckets: readonly number[] },
    ): Histogram<Label> {
      return new Histogram({ ...common(options, false), buckets: [...options.buckets] });
    },

    /** `collect` gives totals since the start, which must never fall. */
    observedCounter<Label extends string = never>(
      options: MetricOptions<Label> & { collect: Observe<Label> },
    ): void {
      new Counter({
        ...common(options, true),
        collect() {
          this.reset();
          options.collect((value, labels) =>
            labels === undefined ? this.inc(value) : this.inc(labels, value),
          );
        },
      });
    },

    observedGauge<Label extends string = never>(
      options: MetricOptions<Label> & { collect: Observe<Label> },
    ): void {
      new Gauge({
        ...common(options, false),
        collect() {
          this.reset();
          options.collect((value, labels) =>
            labels === undefined ? this.set(value) : this.set(labels, value),
          );
        },
      });
    },

    /** `read` gives the counts of values since the start, per bucket and one for those over the last bound. */
    observedHistogram(
      options: MetricOptions & { buckets: readonly number[]; read: () => HistogramReading },
    ): void {
      new ObservedHistogram({ ...common(options, false), buckets: [...options.buckets] }, options.read);
    },

    contentType: registry.contentType,

    /** The text that Prometheus scrapes. */
    exposition(): Promise<string> {
      return registry.metrics();
    },

    /** What there is, by name; docs/metrics.md is compared with it. */
    async descriptions(): Promise<MetricDescription[]> {
      const all = await registry.getMetricsAsJSON();
      const described = all.map(({ name, help, type }) => ({
        name,
        type: String(type),
        help,
        labels: labelNamesOf(registry, name),
      }));
      return described.sort((left, right) => (left.name < right.name ? -1 : 1));
    },
  };
}

function labelNamesOf(registry: Registry, name: string): readonly string[] {
  const metric: unknown = registry.getSingleMetric(name);
  if (typeof metric !== 'object' || metric === null || !('labelNames' in metric)) return [];
  return Array.isArray(metric.labelNames) ? metric.labelNames.map(String) : [];
}

function requireName(name: string, isCounter: boolean): void {
  if (!/^shardmux_[a-z0-9]+(_[a-z0-9]+)+$/.test(name) || name.endsWith('_total') !== isCounter) {
    throw new TypeError(
      `${name} is no name for a ${isCounter ? 'counter' : 'gauge or histogram'}: see rule 16 of the style`,
    );
  }
}
