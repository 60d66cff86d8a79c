/** The API's counts, as a plain object that survives JSON. */

export interface RestStats {
  /** That arrived, answered or not. */
  requests: number;
  inFlight: number;
  /** The most at once. */
  maxInFlight: number;
  /** By method and template; `unknown` for all others. */
  routes: Record<string, number>;
  statuses: Record<number, number>;
  /** 429s by scope; `hidden` ones again apart, and those that were asked for. */
  limited: { user: number; shared: number; global: number; hidden: number; imposed: number };
  /** Requests whose client went away before they were answered. */
  aborted: number;
  /** 401, 403, and 429 that are not of scope `shared`. */
  invalidRequests: number;
  /** The most that one address has in the window that ends now. */
  invalidInWindow: number;
  bans: number;
  /** Answered with a page of Cloudflare's for a ban. */
  banned: number;
  /** Counters of limits in memory. */
  counters: number;
  messages: number;
}

/** Buckets beyond this many are not counted. */
const MAX_SERVED = 20_000;

export class RestCounts {
  requests = 0;
  inFlight = 0;
  maxInFlight = 0;
  aborted = 0;
  banned = 0;
  readonly routes: Record<string, number> = {};
  readonly statuses: Record<number, number> = {};

  /** Answered with 2xx, by who asked, route and major parameter. */
  readonly served = new Map<string, number>();

  begin(): void {
    this.requests += 1;
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
  }

  end(): void {
    this.inFlight -= 1;
  }

  route(name: string): void {
    this.routes[name] = (this.routes[name] ?? 0) + 1;
  }

  status(status: number): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
  }

  serve(bucket: string): void {
    const known = this.served.get(bucket);
    if (known !== undefined || this.served.size < MAX_SERVED) this.served.set(bucket, (known ?? 0) + 1);
  }
}
