/** Stands for Discord's REST API towards workers: answers what the libraries ask for at start, and remembers everything else. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BOT_USER_ID } from '../../src/simulator/payloads/users.ts';

export interface RestStandIn extends AsyncDisposable {
  /** `http://host:port/api` */
  readonly url: string;
  /** Requests, as `GET /path`, that it has no answer to. */
  readonly unanswered: readonly string[];
}

const BOT = { id: BOT_USER_ID, username: 'simulated', discriminator: '0001', avatar: null, bot: true };
const APPLICATION = {
  id: '100000000000000000',
  name: 'simulated',
  icon: null,
  description: '',
  bot_public: true,
  bot_require_code_grant: false,
  verify_key: '',
  flags: 565_248,
  owner: BOT,
  team: null,
};

const ANSWERS: Readonly<Record<string, unknown>> = {
  'GET /users/@me': BOT,
  'GET /oauth2/applications/@me': APPLICATION,
  'GET /applications/@me': APPLICATION,
};

export async function startRest(): Promise<RestStandIn> {
  const unanswered: string[] = [];
  const server = createServer((request, response) => {
    const route = `${request.method} ${new URL(request.url ?? '/', 'http://rest').pathname}`;
    const answer = ANSWERS[route.replace(/ \/api\/v\d+/, ' ')];
    if (answer === undefined) unanswered.push(route);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: '404: Not Found', code: 0 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // TCP: always an AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api`,
    unanswered,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
