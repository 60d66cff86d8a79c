import { describe, expect, it } from 'vitest';

import {
  findServers,
  isSameProcess,
  parseProcess,
  parseServersState,
  unresolvedServers,
} from '../../../src/routing/server-state.ts';

// As HAProxy 2.6.12 printed it, with a server whose name is looked up in DNS and one that is not resolved yet.
const SERVERS_STATE = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 gateway 1 node-a 127.0.0.1 2 0 1 1 2 8 2 0 6 0 0 1 - 7777 - 0 0 - - 0
3 gateway 2 node-b 10.0.0.2 2 0 1 1 2 8 2 0 6 0 0 1 node-b.internal 7777 - 0 0 - - 0
3 gateway 3 node-c - 0 32 1 1 2 1 0 0 14 0 0 1 node-c.internal 7777 - 0 0 - - 0
3 gateway 4 node-d 2001:db8::1 2 0 1 1 2 8 2 0 6 0 0 1 - 7778 - 0 0 - - 0

`;

describe('a node finds its server id', () => {
  const servers = parseServersState(`Name: HAProxy\nPid: 7\n\n${SERVERS_STATE}# table: gateway\n`);

  it.each([
    { lookup: { hosts: ['127.0.0.1'], port: 7777 }, id: 1 },
    { lookup: { name: 'node-b' }, id: 2 },
    { lookup: { hosts: ['NODE-B.internal'], port: 7777 }, id: 2 },
    { lookup: { hosts: ['10.0.0.2'], port: 7777 }, id: 2 },
    { lookup: { hosts: ['192.168.0.7', '10.0.0.2'], port: 7777 }, id: 2 },
    { lookup: { hosts: ['node-c.internal'], port: 7777 }, id: 3 },
    { lookup: { hosts: ['[2001:DB8:0::1]'], port: 7778 }, id: 4 },
  ])('by $lookup', ({ lookup, id }) => {
    expect(findServers(servers, lookup)).toMatchObject([{ id }]);
  });

  it.each([
    { lookup: { hosts: ['127.0.0.1'], port: 7778 } },
    { lookup: { hosts: ['-'], port: 7779 } },
    { lookup: { name: 'node-e' } },
  ])('and finds none by $lookup', ({ lookup }) => {
    expect(findServers(servers, lookup)).toEqual([]);
  });

  it('by the address that others reach it at, rather than by a loopback address that every machine has', () => {
    const lookup = { hosts: ['127.0.0.1', 'localhost', '10.0.0.2'], port: 7777 };
    expect(findServers(servers, lookup)).toMatchObject([{ name: 'node-b' }]);
  });

  it('and finds several where several have its address', () => {
    const lookup = { hosts: ['10.0.0.2', 'node-c.internal'], port: 7777 };
    expect(findServers(servers, lookup)).toMatchObject([{ name: 'node-b' }, { name: 'node-c' }]);
  });

  it('and sees which of the servers have no address yet', () => {
    expect(unresolvedServers(servers)).toMatchObject([{ name: 'node-c' }]);
  });

  it('and reads nothing after the list', () => {
    expect(servers.map(({ name }) => name)).toEqual(['node-a', 'node-b', 'node-c', 'node-d']);
  });

  it('and finds no server where there is no list', () => {
    expect(parseServersState("Can't find backend.\n")).toEqual([]);
  });
});

describe('a HAProxy process', () => {
  const answer = (pid: number, start: number) =>
    `Name: HAProxy\nPid: ${pid}\nStart_time_sec: ${start}\nTasks: 3\n`;

  it('is known by its pid and its start', () => {
    expect(parseProcess(answer(7, 1000))).toEqual({ pid: 7, startedAtSec: 1000 });
  });

  it('is another one with the same pid and another start, as in a container', () => {
    expect(isSameProcess({ pid: 7, startedAtSec: 1000 }, { pid: 7, startedAtSec: 1060 })).toBe(false);
    expect(isSameProcess({ pid: 7, startedAtSec: 1000 }, { pid: 7, startedAtSec: 1000 })).toBe(true);
  });

  it('is unknown when something else answers', () => {
    expect(parseProcess('HTTP/1.1 400 Bad Request\n')).toBeUndefined();
  });
});
