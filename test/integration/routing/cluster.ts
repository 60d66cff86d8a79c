/** Some fake nodes behind some HAProxys, each node believed to be up. Not a test itself. */
import { eventually } from '../../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { type FakeNode, nodeAt, startFakeNode } from './fake-node.ts';

export interface ClusterOptions {
  readonly nodeCount: number;
  readonly haproxyCount?: number;
  /** `host:port` of nodes that are known to the HAProxys, after the others, and are not there. */
  readonly absentNodes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Cluster extends AsyncDisposable {
  /** node-a, node-b, … with the server ids 1, 2, … */
  readonly nodes: readonly FakeNode[];
  readonly haproxys: readonly [Haproxy, ...Haproxy[]];
  /** Their stats sockets. */
  readonly sockets: readonly string[];
  /** Which node a path leads to, at each HAProxy. */
  nodesAt(path: string): Promise<string[]>;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { nodeCount, haproxyCount = 1, absentNodes = [], environment = {} } = options;
  await using stack = new AsyncDisposableStack();
  const nodes: FakeNode[] = [];
  for (const letter of 'abcdefgh'.slice(0, nodeCount))
    nodes.push(stack.use(await startFakeNode(`node-${letter}`)));
  const [first, ...others] = nodes;
  const moreNodes = [...others.map(({ host, port }) => `${host}:${port}`), ...absentNodes];
  const start = async () =>
    stack.use(
      await startHaproxy({ nodeHost: '127.0.0.1', nodePort: first?.port ?? 0, moreNodes, environment }),
    );
  const haproxys: [Haproxy, ...Haproxy[]] = [await start()];
  while (haproxys.length < haproxyCount) haproxys.push(await start());
  // Before its first check has passed, a server is down after one failed check instead of two.
  await eventually(async () => {
    for (const haproxy of haproxys) {
      const passed = (await haproxy.command('show stat')).match(/^gateway,node-[a-h],.*,L7OK,/gm);
      if (passed?.length !== nodeCount) return false;
    }
    return true;
  });
  const running = stack.move();
  return {
    nodes,
    haproxys,
    sockets: haproxys.map(({ socketPath }) => socketPath),
    nodesAt: (path) => Promise.all(haproxys.map(({ workersUrl }) => nodeAt(workersUrl + path))),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** A node of which one check has failed ("UP 1/2") is still taken for up. */
export async function nodesUp(haproxy: Haproxy): Promise<number> {
  return ((await haproxy.command('show stat')).match(/^gateway,node-[a-h],.*,UP[ ,]/gm) ?? []).length;
}

/** The server id that a key is taught with, if it is. */
export async function taughtId(haproxy: Haproxy, key: string): Promise<number | undefined> {
  const id = /\bserver_id=(\d+)/.exec(await haproxy.command(`show table gateway key ${key}`))?.[1];
  return id === undefined ? undefined : Number(id);
}
