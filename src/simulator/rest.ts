/** The two REST routes that a gateway client needs. https://discord.com/developers/docs/events/gateway#get-gateway-bot */
import type { Application } from './application.ts';
import { monotonicMs } from './clock.ts';

export interface JsonAnswer {
  status: number;
  body: unknown;
}

export class RestApi {
  readonly #application: Application;
  readonly #gatewayUrl: () => string;
  #failure = { status: 500, left: 0 };

  constructor(application: Application, gatewayUrl: () => string) {
    this.#application = application;
    this.#gatewayUrl = gatewayUrl;
  }

  /** The next `count` requests of GET /gateway/bot get `status`. */
  failNext(status: number, count: number): void {
    this.#failure = { status, left: count };
  }

  /** `path` without query. Undefined where it is no REST path at all. */
  answer(method: string, path: string, authorization: string | undefined): JsonAnswer | undefined {
    const route = /^\/api\/v\d+(\/.*)$/.exec(path)?.[1];
    if (route === undefined) return undefined;
    if (method !== 'GET') return { status: 405, body: { message: '405: Method Not Allowed', code: 0 } };
    switch (route) {
      case '/gateway':
        return { status: 200, body: { url: this.#gatewayUrl() } };
      case '/gateway/bot':
        return this.#gatewayBot(authorization);
      default:
        return { status: 404, body: { message: '404: Not Found', code: 0 } };
    }
  }

  #gatewayBot(authorization: string | undefined): JsonAnswer {
    if (this.#failure.left > 0) {
      this.#failure.left -= 1;
      return {
        status: this.#failure.status,
        body: { message: `${this.#failure.status}: injected`, code: 0 },
      };
    }
    const token = /^Bot (.+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined || !this.#application.acceptsToken(token)) {
      return { status: 401, body: { message: '401: Unauthorized', code: 0 } };
    }
    return {
      status: 200,
      body: {
        url: this.#gatewayUrl(),
        shards: this.#application.shards.length,
        session_start_limit: this.#application.gate.limit(monotonicMs()),
      },
    };
  }
}
