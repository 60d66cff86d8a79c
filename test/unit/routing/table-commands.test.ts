import { describe, expect, it } from 'vitest';

import {
  findComplaint,
  findRefusal,
  isMisconfiguration,
  serverNotFound,
} from '../../../src/routing/diagnosis.ts';
import {
  isWholeAnswer,
  keyBatches,
  keysPointingAt,
  tableKeyType,
  teachCommand,
} from '../../../src/routing/table-commands.ts';

const TARGET = { socket: '/run/haproxy/shardmux.sock', backend: 'gateway', table: 'gateway' };

describe('the commands that teach', () => {
  it('set one key after another in one line that also asks who carries it out', () => {
    expect(teachCommand('gateway', ['3', '42/4'], 2)).toBe(
      'show info;set table gateway key 3 data.server_id 2;set table gateway key 42/4 data.server_id 2',
    );
  });

  it('are no command at all without keys', () => {
    expect(keyBatches('gateway', [])).toEqual([]);
  });

  it('split into lines that fit into HAProxy’s buffer, with every key in exactly one', () => {
    const keys = Array.from({ length: 1_000 }, (_, shardId) => `80351110224678912/${shardId}`);
    const batches = keyBatches('gateway', keys);
    expect(batches.flat()).toEqual(keys);
    for (const batch of batches) expect(teachCommand('gateway', batch, 1_000).length).toBeLessThan(8_000);
    expect(batches.length).toBeLessThan(15);
  });
});

describe('the answer to “show table”', () => {
  // The first is 2.6's spelling of an entry, the second 3.2's.
  const answer = `# table: gateway, type: string, size:102400, used:3
0x55c637f50dc0: key=42/4 use=0 exp=0 server_id=2 server_key=-
0x55ee3cdc9430: key=3 use=0 exp=0 shard=0 server_id=2 server_key=-
0x55ee3cdc9440: key=5 use=0 exp=0 shard=0 server_id=22 server_key=-
`;

  it('tells which keys point at a server', () => {
    expect(keysPointingAt(answer, 2)).toEqual(['42/4', '3']);
  });

  it('tells what type the keys have', () => {
    const tables = `# table: sources, type: ipv6, size:102400, used:0\n${answer}`;
    expect(tableKeyType(tables, 'gateway')).toBe('string');
    expect(tableKeyType(tables, 'sources')).toBe('ipv6');
    expect(tableKeyType(tables, 'shards')).toBeUndefined();
  });
});

describe('an answer', () => {
  it('is whole when it ends with an empty line', () => {
    expect(isWholeAnswer('Name: HAProxy\nPid: 7\n\n# table: gateway\n\n')).toBe(true);
    expect(isWholeAnswer('Name: HAProxy\nPid: 7\n\n# table: gate')).toBe(false);
  });
});

describe('a node that is none of the servers', () => {
  const server = { id: 1, name: 'node-a', address: '-', domain: 'node-a.internal', port: 7777 };

  it('is one whose name is wrong, or one that DNS may still find', () => {
    const byName = serverNotFound({ name: 'node-z' }, [server], TARGET);
    expect(byName.reason).toContain('haproxy.serverName');
    expect(isMisconfiguration(byName.problem)).toBe(true);
    const byAddress = serverNotFound({ hosts: ['10.0.0.1'], port: 7777 }, [server], TARGET);
    expect(byAddress.reason).toContain('No address yet: node-a node-a.internal:7777');
    expect(isMisconfiguration(byAddress.problem)).toBe(false);
  });
});

describe('the answer to a command that writes', () => {
  const information = 'Name: HAProxy\nPid: 7\nnode: host: 1\ndescription: \nUnstoppable Jobs: 0\n\n';

  it('is silence when it succeeded', () => {
    expect(findComplaint(`${information}\n\n\n`, TARGET)).toBeUndefined();
  });

  it('is a complaint otherwise, and is quoted', () => {
    const answer = `${information}\nData type not stored in this table\n\n`;
    expect(findComplaint(answer, TARGET)).toMatchObject({
      problem: 'unexpected-answer',
      reason: expect.stringContaining('Data type not stored in this table'),
    });
  });

  it.each([
    { line: 'Permission denied', problem: 'level-too-low' },
    { line: 'No such table', problem: 'unknown-table' },
    { line: "Can't find backend.", problem: 'unknown-backend' },
  ])('that says “$line” is the problem $problem', ({ line, problem }) => {
    expect(findRefusal(`${information}${line}\n\n`, TARGET)?.problem).toBe(problem);
  });
});
