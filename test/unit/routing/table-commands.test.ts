import { describe, expect, it } from 'vitest';

import { findComplaint, findRefusal } from '../../../src/routing/diagnosis.ts';
import { keysPointingAt, tableKeyType, teachCommands } from '../../../src/routing/table-commands.ts';

const TARGET = { socket: '/run/haproxy/shardmux.sock', backend: 'gateway', table: 'gateway' };

describe('the commands that teach', () => {
  it('set one key after another in one line that also asks who carries it out', () => {
    expect(teachCommands('gateway', ['3', '42/4'], 2)).toEqual([
      'show info;set table gateway key 3 data.server_id 2;set table gateway key 42/4 data.server_id 2',
    ]);
  });

  it('are no command at all without keys', () => {
    expect(teachCommands('gateway', [], 2)).toEqual([]);
  });

  it('split into lines that fit into HAProxy’s buffer, with every key in exactly one', () => {
    const keys = Array.from({ length: 1_000 }, (_, shardId) => `80351110224678912/${shardId}`);
    const lines = teachCommands('gateway', keys, 2);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(8_000);
    expect(lines.flatMap((line) => [...line.matchAll(/ key (\S+) /g)].map(([, key]) => key))).toEqual(keys);
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
