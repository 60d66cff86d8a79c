/**
 * A worker process of the demo: a bot on stock @discordjs/ws that does nothing but report what it receives. It connects to
 * HAProxy at /shards/<n>, and keeps its sessions over its own restarts with the library's session hooks.
 */
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import { type SessionInfo, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import type { WorkerStart } from '../messages.ts';
import { monotonicUs } from '../monotonic.ts';
import { Reporter } from './reporter.ts';

type Rest = ConstructorParameters<typeof WebSocketManager>[0]['rest'];

const reporter = new Reporter((line) => process.stdout.write(line));

/** A manager a shard, because @discordjs/ws has one gateway URL a manager and each shard has a path of its own. */
function managerOf(start: WorkerStart, shard: number, restored: SessionInfo | null): WebSocketManager {
  let session = restored;
  const manager = new WebSocketManager({
    token: start.token,
    intents: start.intents,
    shardCount: start.shardCount,
    shardIds: [shard],
    rest: gatewayRest(start, shard),
    // Both hooks must answer at once: @discordjs/ws awaits them for every dispatch, and later ones would overtake.
    retrieveSessionInfo: () => session,
    updateSessionInfo: (_shard, info) => {
      if (info === null) reporter.report(['over', shard]);
      else if (info.sessionId !== session?.sessionId)
        reporter.report(['ready', shard, info.sequence, info.sessionId, info.resumeURL]);
      session = info;
    },
  });
  manager.on(WebSocketShardEvents.Resumed, () => reporter.report(['resumed', shard]));
  manager.on(WebSocketShardEvents.Closed, () => reporter.report(['closed', shard]));
  manager.on(WebSocketShardEvents.Dispatch, (payload) => {
    const receivedUs = monotonicUs();
    if (payload.t === 'READY' || (payload.t as string) === 'RESUMED') return;
    reporter.dispatch(shard, payload.s, crc32(JSON.stringify(payload)), receivedUs);
  });
  return manager;
}

/** Of a REST client the manager uses `get` alone, for GET /gateway/bot. */
function gatewayRest({ url, token }: WorkerStart, shard: number): Rest {
  const get = async (route: `/${string}`) => {
    const response = await fetch(`${url}/api/v10${route}`, { headers: { authorization: `Bot ${token}` } });
    if (!response.ok)
      throw new Error(`GET ${route} through HAProxy: ${response.status} ${await response.text()}`);
    const information = (await response.json()) as { url: string };
    return { ...information, url: `${information.url}/shards/${shard}` };
  };
  return { get } as unknown as Rest; // The reason for the cast: see above.
}

function restored(start: WorkerStart, { shard, session }: WorkerStart['shards'][number]): SessionInfo | null {
  if (session === null) return null;
  const { sessionId, resumeUrl, sequence } = session;
  return { sessionId, resumeURL: resumeUrl, sequence, shardId: shard, shardCount: start.shardCount };
}

process.on('SIGTERM', () => {
  reporter.flush();
  process.exit(0);
});

const input = createInterface(process.stdin);
// The demo is gone.
input.once('close', () => process.exit(0));
input.once('line', (line) => {
  const start = JSON.parse(line) as WorkerStart;
  for (const entry of start.shards) void managerOf(start, entry.shard, restored(start, entry)).connect();
});
