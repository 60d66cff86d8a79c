/** Workers that connect again and again, and what became of each connection. Not a test itself. */
import { nodeAt } from './fake-node.ts';

export interface Landing {
  /** What `mark` said when the connection was begun, and when the node had answered. */
  readonly before: string;
  readonly after: string;
  readonly node: string;
}

export interface Traffic extends AsyncDisposable {
  readonly landings: readonly Landing[];
  /** Why connections were not let in. */
  readonly refusals: readonly string[];
  /** Lets the connections that are under way end, and begins none. */
  stop(): Promise<void>;
}

/** `mark` names the state of the cluster: who owns the shard, or that it moves. */
export function startTraffic(urls: readonly string[], mark: () => string = () => ''): Traffic {
  const landings: Landing[] = [];
  const refusals: string[] = [];
  let isRunning = true;
  const connectors = urls.map(async (url) => {
    while (isRunning) {
      const before = mark();
      try {
        const node = await nodeAt(url);
        landings.push({ before, after: mark(), node });
      } catch (error) {
        refusals.push(String(error));
      }
    }
  });
  const stop = async () => {
    isRunning = false;
    await Promise.all(connectors);
  };
  return { landings, refusals, stop, [Symbol.asyncDispose]: stop };
}
