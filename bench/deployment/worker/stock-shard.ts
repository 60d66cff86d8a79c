/** A shard of a worker on stock @discordjs/ws, with the library's session hooks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { type SessionInfo, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import { CloseCode, SESSION_ENDING_CLOSE_CODES } from '../../../src/protocol/close-codes.ts';
import type { ShardStart, WorkerStart } from '../messages.ts';
import { monotonicUs } from '../monotonic.ts';
import type { Reporter } from './reporter.ts';

type Rest = ConstructorParameters<typeof WebSocketManager>[0]['rest'];

/** GET /gateway/bot is tried again after this: HAProxy may be down when a worker starts. */
const RETRY_MS = 250;

/** What @discordjs/ws says (event `debug`) when it gets op 9; there is no other event for it. */
const INVALID_SESSION = /^Invalid session; will attempt to resume: (true|false)/;

/** A manager a shard, because @discordjs/ws has one gateway URL a manager and each shard has a path of its own. */
export async function connectStock(start: WorkerStart, entry: ShardStart, reporter: Reporter): Promise<void> {
  const { shard } = entry;
  const hook = new SessionHook(start, entry, reporter);
  const manager = new WebSocketManager({
    token: start.token,
    intents: start.intents,
    shardCount: start.shardCount,
    shardIds: [shard],
    rest: gatewayRest(start, shard),
    // Both hooks must answer at once: @discordjs/ws awaits them for every dispatch, and later ones would overtake.
    retrieveSessionInfo: () => hook.session,
    updateSessionInfo: (_shard, info) => hook.update(info),
  });
  manager.on(WebSocketShardEvents.Debug, (message) => hook.debug(message));
  manager.on(WebSocketShardEvents.Resumed, () => reporter.report(['resumed', shard]));
  manager.on(WebSocketShardEvents.Closed, (code) => hook.closed(code));
  manager.on(WebSocketShardEvents.Dispatch, (payload) => {
    const receivedUs = monotonicUs();
    if (payload.t === 'READY' || (payload.t as string) === 'RESUMED') return;
    reporter.dispatch(shard, payload.s, crc32(JSON.stringify(payload)), receivedUs);
  });
  await manager.connect();
}

/** Holds the session. */
class SessionHook {
  session: SessionInfo | null;
  readonly #start: WorkerStart;
  readonly #shard: number;
  readonly #reporter: Reporter;
  /** shardmux has said that the session is over. */
  #isOver = false;

  constructor(start: WorkerStart, { shard, session }: ShardStart, reporter: Reporter) {
    this.#start = start;
    this.#shard = shard;
    this.#reporter = reporter;
    this.session = session && {
      sessionId: session.sessionId,
      resumeURL: session.resumeUrl,
      sequence: session.sequence,
      shardId: shard,
      shardCount: start.shardCount,
    };
  }

  update(info: SessionInfo | null): void {
    if (info === null) return this.#forget();
    if (info.sessionId !== this.session?.sessionId)
      this.#reporter.ready(this.#shard, info.sessionId, info.resumeURL);
    this.session = info;
  }

  debug(message: string): void {
    const [, isResumable] = INVALID_SESSION.exec(message) ?? [];
    if (isResumable === undefined) return;
    this.#reporter.report(['invalid', this.#shard]);
    if (isResumable === 'false') this.#isOver = true;
  }

  closed(code: number): void {
    this.#reporter.report(['closed', this.#shard]);
    if (code === CloseCode.Normal || SESSION_ENDING_CLOSE_CODES.has(code)) this.#isOver = true;
  }

  /** The library forgets it also where a connection failed, and a session outlives that. */
  #forget(): void {
    if (this.#start.client === 'stock-keeping' && !this.#isOver) return;
    this.#isOver = false;
    this.session = null;
    this.#reporter.report(['over', this.#shard]);
  }
}

/** Of a REST client the manager uses `get` alone, for GET /gateway/bot. */
function gatewayRest({ url, token }: WorkerStart, shard: number): Rest {
  const get = async (route: `/${string}`) => {
    const information = await askUntilAnswered(`${url}/api/v10${route}`, token);
    return { ...information, url: `${information.url}/shards/${shard}` };
  };
  return { get } as unknown as Rest; // The reason for the cast: see above.
}

async function askUntilAnswered(url: string, token: string): Promise<{ url: string }> {
  for (;;) {
    const response = await fetch(url, { headers: { authorization: `Bot ${token}` } }).catch(() => null);
    if (response?.ok) return (await response.json()) as { url: string };
    await sleep(RETRY_MS);
  }
}
