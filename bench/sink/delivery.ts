/** Checks that every event arrives exactly once and in order, and takes latencies of paced ones. Runs per event. */
import type { Latencies, Traffic } from '../messages.ts';
import { INDEX_DIGITS, INDEX_FROM_END, readDigits, TIME_DIGITS, TIME_FROM_END } from '../wire.ts';

export interface DeliveryListener {
  onDelivered(latencies: Latencies | null): void;
  onFailure(reason: string): void;
}

export function percentiles(latenciesUs: Uint32Array): Latencies {
  const sorted = latenciesUs.toSorted();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) };
}

export class DeliveryCheck {
  readonly #listener: DeliveryListener;
  #nextIndex = 0;
  #endIndex = 0;
  /** One slot per event of a paced run; empty in a burst, where a latency would only be the length of the queue. */
  #latenciesUs = new Uint32Array(0);

  constructor(listener: DeliveryListener) {
    this.#listener = listener;
  }

  expect(traffic: Traffic): void {
    this.#latenciesUs = new Uint32Array(traffic.eventsPerSecond === null ? 0 : traffic.events);
    this.#endIndex += traffic.events;
  }

  add(bytes: Uint8Array, end: number, receivedUs: number): void {
    const index = readDigits(bytes, end - INDEX_FROM_END, INDEX_DIGITS);
    if (index !== this.#nextIndex || index >= this.#endIndex) {
      const due = this.#nextIndex < this.#endIndex ? `event ${this.#nextIndex}` : 'no event';
      this.#listener.onFailure(`event ${index} arrived where ${due} was due`);
      return;
    }
    this.#nextIndex++;
    const paced = this.#latenciesUs.length;
    if (paced > 0) {
      const sentUs = readDigits(bytes, end - TIME_FROM_END, TIME_DIGITS);
      this.#latenciesUs[index - this.#endIndex + paced] = receivedUs - sentUs;
    }
    if (this.#nextIndex === this.#endIndex) {
      this.#listener.onDelivered(paced > 0 ? percentiles(this.#latenciesUs) : null);
    }
  }
}
