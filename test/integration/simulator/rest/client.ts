/** A client that heeds no limit, and a simulator whose time a test moves. */
import type { RestOptions, Simulator, SimulatorOptions } from '../../../../src/simulator/index.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { smallSimulator } from '../peer.ts';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** Empty where the body is no JSON. */
  body: Record<string, unknown>;
}

export interface Asked {
  json?: unknown;
  body?: string | FormData;
  headers?: Record<string, string>;
  /** Null sends none. Default: the right one. */
  token?: string | null;
}

export class RestClient {
  readonly simulator: Simulator;
  /** A text channel. */
  readonly channel: string;
  readonly guild: string;

  constructor(simulator: Simulator) {
    this.simulator = simulator;
    this.channel = simulator.rest.channelIds(0)[0] ?? '';
    this.guild = simulator.guildIds(0)[0] ?? '';
  }

  async send(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const { json, token = this.simulator.options.token } = asked;
    const body = json === undefined ? asked.body : JSON.stringify(json);
    const response = await fetch(`${this.simulator.url}/api/v10${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bot ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...asked.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  }

  /** Sends a message and gives its id. */
  async message(content = 'hello', channel = this.channel): Promise<string> {
    const answer = await this.say(content, channel);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
    return String(answer.body['id']);
  }

  say(content = 'hello', channel = this.channel): Promise<Answer> {
    return this.send('POST', `/channels/${channel}/messages`, { json: { content } });
  }

  violations(): Record<string, number> {
    return this.simulator.stats().violations;
  }
}

export interface Timed extends AsyncDisposable {
  client: RestClient;
  clock: ManualClock;
  simulator: Simulator;
}

/** Time stands still but for what the test does. */
export async function timedSimulator(
  rest: RestOptions = {},
  options: Partial<SimulatorOptions> = {},
): Promise<Timed> {
  const clock = new ManualClock();
  const simulator = await smallSimulator({ ...options, rest: { clock: () => clock.now(), ...rest } });
  return {
    client: new RestClient(simulator),
    clock,
    simulator,
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  };
}

export function limitHeaders({ headers }: Answer) {
  const read = (name: string) => {
    const text = headers.get(`x-ratelimit-${name}`);
    return text === null ? null : Number(text);
  };
  return { limit: read('limit'), remaining: read('remaining'), resetAfter: read('reset-after') };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
