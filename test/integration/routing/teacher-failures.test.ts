import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  isMisconfigured,
  RuntimeAddressError,
  type TeacherOptions,
  type TeachingState,
} from '../../../src/routing/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type FakeNode, startFakeNode } from './fake-node.ts';
import { startTeacher } from './teaching.ts';

let directory: string;
let node: FakeNode;
let haproxy: Haproxy;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shardmux-teaching-'));
  node = await startFakeNode('node-a');
  haproxy = await startHaproxy({ nodeHost: node.host, nodePort: node.port });
});

afterAll(async () => {
  await haproxy[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Looks at one HAProxy once: what comes of it, and whether a node refuses to start with it. */
async function lookOnce(socket: string, given: Partial<TeacherOptions> = {}) {
  await using teacher = startTeacher({ sockets: [socket], server: { name: 'node-a' }, ...given });
  const [state] = await teacher.firstLook();
  if (state === undefined) throw new Error('no state for the only socket');
  return { ...state, refuses: isMisconfigured(state) };
}

/** haproxy.cfg with one thing changed, running. */
async function startChangedHaproxy(from: string, to: string): Promise<Haproxy> {
  const config = await readFile(new URL('../../../haproxy/haproxy.cfg', import.meta.url), 'utf8');
  expect(config).toContain(from);
  const configPath = join(directory, 'changed.cfg');
  await writeFile(configPath, config.replaceAll(from, to));
  return startHaproxy({ nodeHost: node.host, nodePort: node.port, configPath });
}

/** A server on a unix socket that is not HAProxy. */
async function startImpostor(name: string, onConnection: (socket: Socket) => void) {
  const path = join(directory, name);
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(path);
  await once(server, 'listening');
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

describe('the teacher says by name what is wrong and what to do, when', () => {
  it('the socket does not exist', async () => {
    expect(await lookOnce(join(directory, 'none.sock'))).toMatchObject({
      problem: 'socket-missing',
      refuses: false,
      reason: expect.stringContaining('Start HAProxy, or correct haproxy.sockets'),
    });
  });

  it('the socket may not be opened', async () => {
    await using closed = await startImpostor('forbidden.sock', () => {});
    await chmod(closed.path, 0);
    // Root may open everything, so a child asks as somebody else.
    const client = new URL('../../../src/routing/runtime-client.ts', import.meta.url);
    const clock = new URL('../../../src/runtime/clock.ts', import.meta.url);
    const program = `import { runRuntimeCommand } from '${client}';
      import { systemClock as clock } from '${clock}';
      const error = await runRuntimeCommand('${closed.path}', 'show info', { clock, timeoutMs: 5000 }).catch((e) => e);
      console.log(JSON.stringify({ problem: error.problem, reason: error.message }));`;
    const nobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', program],
      nobody,
    );
    expect(JSON.parse(stdout)).toEqual({
      problem: 'socket-forbidden',
      reason: expect.stringContaining('HAPROXY_SOCKET_GROUP'),
    });
  });

  it('HAProxy has gone and left its socket file', async () => {
    await using gone = await startHaproxy({ nodeHost: node.host, nodePort: node.port });
    await gone.kill();
    expect(await lookOnce(`unix@${gone.socketPath}`)).toMatchObject({
      problem: 'not-listening',
      refuses: false,
      reason: expect.stringContaining('Start HAProxy'),
    });
  });

  it('nothing listens at a TCP address', async () => {
    await using gone = await startFakeNode('gone');
    await gone.kill();
    expect(await lookOnce(`tcp@127.0.0.1:${gone.port}`)).toMatchObject({
      problem: 'not-listening',
      refuses: false,
    });
  });

  it('a host name does not exist', async () => {
    expect(
      await lookOnce('tcp@haproxy.invalid:9999', { timeoutMs: 5_000, clock: systemClock }),
    ).toMatchObject({
      problem: 'unreachable',
      refuses: false,
    });
  });

  it('the socket’s level is below operator', async () => {
    await using user = await startChangedHaproxy('level operator', 'level user');
    expect(await lookOnce(user.socketPath)).toMatchObject({
      problem: 'level-too-low',
      refuses: true,
      reason: expect.stringContaining('"level operator"'),
    });
  });

  it('the table does not exist', async () => {
    expect(await lookOnce(haproxy.socketPath, { table: 'shards' })).toMatchObject({
      problem: 'unknown-table',
      refuses: true,
      reason: expect.stringContaining('no stick table "shards"'),
    });
  });

  it('the table’s keys are of another type', async () => {
    await using integers = await startChangedHaproxy('type string len 32', 'type integer');
    expect(await lookOnce(integers.socketPath)).toMatchObject({ problem: 'wrong-table-type', refuses: true });
  });

  it('the backend does not exist', async () => {
    expect(await lookOnce(haproxy.socketPath, { backend: 'nodes' })).toMatchObject({
      problem: 'unknown-backend',
      refuses: true,
      reason: expect.stringContaining('no backend "nodes"'),
    });
  });

  it('this node is none of the servers, and which servers there are', async () => {
    expect(await lookOnce(haproxy.socketPath, { server: { hosts: ['10.9.8.7'], port: 7777 } })).toMatchObject(
      {
        problem: 'unknown-server',
        refuses: true,
        reason: expect.stringMatching(
          new RegExp(`7777 .*10\\.9\\.8\\.7.*node-a 127\\.0\\.0\\.1:${node.port}`),
        ),
      },
    );
  });

  it('HAProxy hangs', async () => {
    await using hung = await startHaproxy({ nodeHost: node.host, nodePort: node.port });
    hung.pause();
    // The signal takes effect when the process is next scheduled.
    await eventually(async () => / T /.test(await readFile(`/proc/${hung.pid}/stat`, 'utf8')));
    expect(await lookOnce(hung.socketPath, { clock: systemClock, timeoutMs: 100 })).toMatchObject({
      problem: 'timed-out',
      refuses: false,
      reason: expect.stringContaining('within 100 ms'),
    });
  });

  it('the connection closes without an answer', async () => {
    await using impostor = await startImpostor('closes.sock', (socket) => socket.end());
    expect(await lookOnce(impostor.path)).toMatchObject({ problem: 'cut-off', refuses: false });
  });

  it('something else answers', async () => {
    await using impostor = await startImpostor('http.sock', (socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    expect(await lookOnce(impostor.path)).toMatchObject({
      problem: 'unexpected-answer',
      refuses: true,
      reason: expect.stringContaining('HTTP/1.1 400 Bad Request'),
    });
  });

  it('the answer never ends', async () => {
    await using impostor = await startImpostor('endless.sock', (socket) => {
      const more = () => {
        while (socket.writable && socket.write('x'.repeat(65_536)));
      };
      socket.on('drain', more);
      more();
    });
    expect(await lookOnce(impostor.path)).toMatchObject({ problem: 'answer-too-long', refuses: true });
  });
});

describe('a failing HAProxy', () => {
  it('does not keep others from being taught', async () => {
    await using hung = await startHaproxy({ nodeHost: node.host, nodePort: node.port });
    hung.pause();
    await using teacher = startTeacher({
      sockets: [hung.socketPath, join(directory, 'none.sock'), haproxy.socketPath],
      server: node,
    });
    teacher.setKeys(new Set(['7']));
    await eventually(async () => {
      expect(await haproxy.command('show table gateway key 7')).toContain('server_id=1');
      return true;
    });
    await eventually(() => teacher.status[1]?.state.status === 'failing' || undefined);
  });

  it('is reported once, is tried again, and is taught everything when it comes back', async () => {
    await using late = await startHaproxy({ nodeHost: node.host, nodePort: node.port });
    await late.kill();
    const clock = new ManualClock();
    const states: TeachingState[] = [];
    const onState = (state: TeachingState) => states.push(state);
    await using teacher = startTeacher({ sockets: [late.socketPath], server: node, clock, onState });
    teacher.setKeys(new Set(['3', '4']));
    for (let watch = 0; watch < 3; watch += 1) {
      await teacher.settled();
      clock.advance(250);
    }
    await teacher.settled();
    expect(states.map(({ status }) => status)).toEqual(['failing']);
    expect(teacher.status[0]).toMatchObject({ lastSuccessMs: undefined });
    expect(teacher.status[0]?.failuresTotal).toBeGreaterThanOrEqual(4);

    await late.restart();
    clock.advance(250);
    await teacher.settled();

    expect(states.map(({ status }) => status)).toEqual(['failing', 'taught']);
    for (const key of ['3', '4']) {
      expect(await late.command(`show table gateway key ${key}`)).toContain('server_id=1');
    }
  });

  it('holds up nothing when the teacher stops', async () => {
    await using impostor = await startImpostor('silent.sock', () => {});
    const clock = new ManualClock();
    const teacher = startTeacher({ sockets: [impostor.path], server: node, clock });
    teacher.setKeys(new Set(['3']));
    await teacher[Symbol.asyncDispose]();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a mistake of ours throws at once:', () => {
  it.each([
    '',
    'haproxy.sock',
    'unix@haproxy.sock',
    'tcp@host',
    'tcp@host:0',
    'tcp@host:65536',
    'udp@host:1',
  ])('the socket address %j', (socket) => {
    expect(() => startTeacher({ sockets: [socket], server: node })).toThrow(RuntimeAddressError);
  });

  it('a key that is no routing key', async () => {
    await using teacher = startTeacher({ sockets: [], server: node });
    expect(() => teacher.setKeys(new Set(['3;clear table gateway']))).toThrow(RangeError);
  });
});
