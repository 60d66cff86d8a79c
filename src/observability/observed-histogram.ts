/** A histogram whose counts are kept elsewhere, in plain numbers, and read at scrape time. Not for values to be put in. */
import { Histogram, type HistogramConfiguration } from 'prom-client';

export type HistogramReading = {
  /** Values per bucket, not cumulated; one more than there are buckets, for values over the last bound. */
  counts: ArrayLike<number>;
  /** Sum of all values, in the metric's unit. */
  sum: number;
};

export class ObservedHistogram extends Histogram {
  readonly #options: HistogramConfiguration<string>;
  readonly #read: () => HistogramReading;

  constructor(options: HistogramConfiguration<string>, read: () => HistogramReading) {
    super(options);
    this.#options = options;
    this.#read = read;
  }

  /** What prom-client renders, and makes `get()` of; not among its types, so a test holds it in place. */
  getForPromString() {
    const { name, help, buckets = [] } = this.#options;
    const { counts, sum } = this.#read();
    let total = 0;
    const part = (suffix: string, value: number, labels: Record<string, string | number> = {}) => {
      return { metricName: `${name}_${suffix}`, value, labels, sharedLabels: {} };
    };
    const values = [...buckets, '+Inf'].map((le, index) => {
      total += counts[index] ?? 0;
      return part('bucket', total, { le });
    });
    values.push(part('sum', sum), part('count', total));
    return Promise.resolve({ name, help, type: 'histogram', values, aggregator: 'sum' });
  }
}
