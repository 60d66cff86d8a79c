import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { INTENTS, UNPRIVILEGED_INTENTS } from '../../../src/protocol/intents.ts';
import { parseRuntimeAddress } from '../../../src/routing/index.ts';
import { configOf, load, problemsOf, TOKEN, yamlFile } from './loading.ts';

const fromYaml = (yaml: string) => problemsOf(...yamlFile(yaml, TOKEN));

describe('what is given', () => {
  it('needs a token only', () => {
    const config = configOf(TOKEN);
    expect(config.applications[0].token.reveal()).toBe('abc.def.ghi');
    expect(config.applications[0].intents).toBe(UNPRIVILEGED_INTENTS);
    expect(config.workers).toMatchObject({ port: 7777, maxUnsentBytes: 1_048_576, tokens: [] });
    expect(config.eventLog).toEqual({ maxBytesPerShard: 2 ** 26, maxBytes: 2 ** 30, maxAgeMs: 300_000 });
    expect(config.applications[0].gatewayUrl).toBeUndefined();
  });

  it('is frozen to the last list', () => {
    const config = configOf({ ...TOKEN, SHARDMUX_WORKERS_TOKENS: 'a:0123456789abcdef' });
    expect(
      [config, config.workers, config.workers.tokens, config.workers.tokens[0]].every(Object.isFrozen),
    ).toBe(true);
  });

  it('comes from YAML, and from the environment where both give it', () => {
    const yaml =
      'logging: { level: debug, format: pretty }\ndiscord: { token: x.y.z, intents: [GUILDS, GUILD_MEMBERS] }\n';
    const config = configOf(
      { SHARDMUX_CONFIG: 's.yaml', SHARDMUX_LOGGING_LEVEL: 'warn' },
      { 's.yaml': yaml },
    );
    expect(config.logging).toEqual({ level: 'warn', format: 'pretty' });
    expect(config.applications[0].intents).toBe(INTENTS.GUILDS | INTENTS.GUILD_MEMBERS);
  });

  it('has --config before SHARDMUX_CONFIG', () => {
    const files = { 'a.yaml': 'status: { port: 1 }', 'b.yaml': 'status: { port: 2 }' };
    const result = load({ ...TOKEN, SHARDMUX_CONFIG: 'a.yaml' }, files, 'b.yaml');
    expect(result.ok && result.config.status.port).toBe(2);
  });

  it('accepts a YAML file with nothing in it', () => {
    expect(fromYaml('# nothing yet\n')).toEqual([]);
    expect(fromYaml('discord:\n')).toEqual([]);
  });

  it.each([
    ['Bot abc.def.ghi', 'abc.def.ghi'],
    ['abc.def.ghi', 'abc.def.ghi'],
  ])('takes the token %s without its prefix', (given, token) => {
    expect(configOf({ SHARDMUX_DISCORD_TOKEN: given }).applications[0].token.reveal()).toBe(token);
  });

  it('takes the token out of a file, less its last line break', () => {
    const config = configOf({ SHARDMUX_DISCORD_TOKEN_FILE: '/run/t' }, { '/run/t': 'abc.def.ghi\n' });
    expect(config.applications[0].token.reveal()).toBe('abc.def.ghi');
  });

  it('reads worker tokens from one variable, colons in tokens included', () => {
    const { tokens } = configOf({
      ...TOKEN,
      SHARDMUX_WORKERS_TOKENS: 'a:0123456789abcdef, b.c:0123:456789abcdef',
    }).workers;
    expect(tokens.map(({ name, token }) => [name, token.reveal()])).toEqual([
      ['a', '0123456789abcdef'],
      ['b.c', '0123:456789abcdef'],
    ]);
  });

  it('reads a presence from JSON and fills in what Discord demands', () => {
    const given = '{"activities":[{"name":"chess","type":0}]}';
    expect(configOf({ ...TOKEN, SHARDMUX_DISCORD_PRESENCE: given }).applications[0].presence).toEqual({
      since: null,
      activities: [{ name: 'chess', type: 0 }],
      status: 'online',
      afk: false,
    });
  });

  it('reads the sockets of HAProxies in all forms that can be connected to', () => {
    const sockets = '/run/a.sock,unix@/run/b.sock,haproxy:9999,tcp@haproxy:9999,ipv6@[::1]:9999';
    const { haproxy } = configOf({ ...TOKEN, SHARDMUX_HAPROXY_SOCKETS: sockets });
    expect(haproxy.sockets).toEqual([
      '/run/a.sock',
      'unix@/run/b.sock',
      'tcp@haproxy:9999',
      'tcp@haproxy:9999',
      'ipv6@[::1]:9999',
    ]);
    expect(() => haproxy.sockets.map(parseRuntimeAddress)).not.toThrow();
  });

  it('leaves a URL without its last slash', () => {
    const config = configOf({ ...TOKEN, SHARDMUX_DISCORD_GATEWAY_URL: 'ws://127.0.0.1:4000/' });
    expect(config.applications[0].gatewayUrl).toBe('ws://127.0.0.1:4000');
  });
});

describe('what is wrong', () => {
  it('is told all at once, each by the name the user wrote', () => {
    const yaml = 'discord:\n  apiUrl: ftp://x\n  intnts: 5\nworkers:\n  port: 99999\n';
    const env = { SHARDMUX_CONFIG: 's.yaml', SHARDMUX_LOGGING_LEVEL: 'debgu', SHARDMUX_STATUS_PROT: '1' };
    expect(problemsOf(env, { 's.yaml': yaml }).map(({ setting }) => setting)).toEqual([
      'SHARDMUX_STATUS_PROT',
      'discord.apiUrl (s.yaml:2)',
      'discord.intnts (s.yaml:3)',
      'workers.port (s.yaml:5)',
      'SHARDMUX_LOGGING_LEVEL',
      'SHARDMUX_DISCORD_TOKEN',
    ]);
  });

  it('differs between unset, empty and malformed', () => {
    const wrong = (env: Record<string, string>) => problemsOf(env).map((problem) => problem.wrong);
    expect(wrong({})).toEqual(['is not set']);
    expect(wrong({ SHARDMUX_DISCORD_TOKEN: ' ' })).toEqual(['is set but empty']);
    expect(wrong({ SHARDMUX_DISCORD_TOKEN: '"abc.def.ghi"' })).toEqual(['has quotes around it']);
    expect(fromYaml('status:\n  port:\n')[0]).toMatchObject({
      setting: 'status.port (s.yaml:2)',
      wrong: 'has no value',
    });
  });

  it.each([
    ['SHARDMUX_DISCORD_TOKENN', 'SHARDMUX_DISCORD_TOKEN'],
    ['SHARDMUX_WORKER_PORT', 'SHARDMUX_WORKERS_PORT'],
    ['SHARDMUX_EVENTLOG_MAX_BYTES', 'SHARDMUX_EVENT_LOG_MAX_BYTES'],
  ])('suggests for %s the name %s', (typed, meant) => {
    expect(problemsOf({ ...TOKEN, [typed]: '1' })[0]?.remedy).toBe(`Did you mean ${meant}?`);
  });

  it.each([
    ['tial: {}', 'Did you mean tail?'],
    ['workers: { prot: 1 }', 'Did you mean workers.port?'],
    ['discord: { intents: [GuildMembers] }', 'Did you mean GUILD_MEMBERS?'],
    ['logging: { level: inf }', 'Give one of trace, debug, info, warn, error, fatal. Did you mean info?'],
  ])('suggests a name for YAML %s', (yaml, remedy) => {
    expect(fromYaml(yaml).map((problem) => problem.remedy)).toEqual([remedy]);
  });

  it.each([
    ['SHARDMUX_DISCORD_API_URL', 'discord.com'],
    ['SHARDMUX_DISCORD_API_URL', 'wss://discord.com'],
    ['SHARDMUX_DISCORD_API_URL', 'https://me:secret@discord.com'],
    ['SHARDMUX_DISCORD_GATEWAY_URL', 'wss://gateway.discord.gg/?v=10'],
    ['SHARDMUX_DISCORD_TOKEN', '123456789012345678'],
    ['SHARDMUX_DISCORD_TOKEN', 'abc def'],
    ['SHARDMUX_DISCORD_SHARD_COUNT', '0'],
    ['SHARDMUX_DISCORD_INTENTS', '-1'],
    ['SHARDMUX_DISCORD_INTENTS', 'GUILDS,'],
    ['SHARDMUX_DISCORD_PRESENCE', 'online'],
    ['SHARDMUX_DISCORD_LARGE_THRESHOLD', '49'],
    ['SHARDMUX_WORKERS_PORT', '65536'],
    ['SHARDMUX_WORKERS_TOKENS', 'a:short'],
    ['SHARDMUX_WORKERS_TOKENS', '0123456789abcdef'],
    ['SHARDMUX_WORKERS_TOKENS', 'A:0123456789abcdef'],
    ['SHARDMUX_WORKERS_TOKENS', 'a:0123456789abcdef,a:0123456789abcdeg'],
    ['SHARDMUX_WORKERS_TOKENS', 'a:0123456789abcdef,b:0123456789abcdef'],
    ['SHARDMUX_WORKERS_SESSION_SECRET', '0123456789abcdef'],
    ['SHARDMUX_WORKERS_MAX_UNSENT_BYTES', '1MB'],
    ['SHARDMUX_WORKERS_MAX_UNSENT_BYTES', '1.5MiB'],
    ['SHARDMUX_TAIL_MAX_AGE_MS', '5 parsecs'],
    ['SHARDMUX_TAIL_STORE', 'redis'],
    ['SHARDMUX_HAPROXY_SOCKETS', 'admin.sock'],
    ['SHARDMUX_HAPROXY_SOCKETS', './admin.sock'],
    ['SHARDMUX_HAPROXY_SOCKETS', 'http://haproxy:9999'],
    ['SHARDMUX_HAPROXY_SOCKETS', 'haproxy:0'],
    ['SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD', '2GiB'],
    ['SHARDMUX_TAIL_FLUSH_BYTES', '8MiB'],
    ['SHARDMUX_TAIL_FLUSH_INTERVAL_MS', '60001'],
    ['SHARDMUX_STATUS_PORT', '7777'],
    ['SHARDMUX_REST_INVALID_REQUESTS_ALARM_AT', '4001'],
    ['SHARDMUX_REST_INVALID_REQUESTS_SHED_AT', '8000'],
    ['SHARDMUX_REST_INVALID_REQUESTS_STOP_AT', '10001'],
  ])('is %s=%s, and nothing else is said to be', (name, value) => {
    const problems = problemsOf({ ...TOKEN, [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.setting.startsWith(name)).toBe(true);
    expect(problems[0]?.remedy).toMatch(/\S/);
  });

  it('points at the entry of a list', () => {
    const yaml =
      'workers:\n  tokens:\n    - { name: a, token: 0123456789abcdefg }\n    - name: b\n      token: short\n';
    expect(fromYaml(yaml)[0]?.setting).toBe('workers.tokens[1].token (s.yaml:5)');
    expect(problemsOf({ ...TOKEN, SHARDMUX_HAPROXY_SOCKETS: '/a,b' })[0]?.setting).toBe(
      'SHARDMUX_HAPROXY_SOCKETS (entry 2)',
    );
  });

  it('points at the part of an object', () => {
    const [problem] = problemsOf({ ...TOKEN, SHARDMUX_DISCORD_PRESENCE: '{"status":"away"}' });
    expect(problem?.setting).toBe('SHARDMUX_DISCORD_PRESENCE (status)');
  });

  it('compares settings although another one is wrong', () => {
    const env = { SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD: '2GiB', SHARDMUX_STATUS_PORT: 'x' };
    expect(problemsOf({ ...TOKEN, ...env }).map(({ setting }) => setting)).toEqual([
      'SHARDMUX_STATUS_PORT',
      'SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD',
    ]);
  });

  it.each([
    'discord: [',
    'a: 1\na: 2\n',
    '\tdiscord: {}',
    '- list',
    'discord: 5',
  ])('is said of the YAML %j with its line', (yaml) => {
    expect(fromYaml(yaml)[0]?.setting).toMatch(/s\.yaml:\d/);
  });

  it('is only the file where a file that cannot be read may hold what is missing', () => {
    expect(problemsOf({ SHARDMUX_CONFIG: 'gone.yaml' }).map(({ setting }) => setting)).toEqual([
      'SHARDMUX_CONFIG',
    ]);
    expect(problemsOf({ SHARDMUX_DISCORD_TOKEN_FILE: 'gone' }).map(({ setting }) => setting)).toEqual([
      'SHARDMUX_DISCORD_TOKEN_FILE',
    ]);
  });

  it('is a token and a token file together', () => {
    const problems = problemsOf({ ...TOKEN, SHARDMUX_DISCORD_TOKEN_FILE: '/run/t' }, { '/run/t': 'abc' });
    expect(problems[0]?.wrong).toBe('is set, and SHARDMUX_DISCORD_TOKEN too');
  });

  it('names the file whose contents are no token', () => {
    const problems = problemsOf({ SHARDMUX_DISCORD_TOKEN_FILE: '/run/t' }, { '/run/t': 'two words\n' });
    expect(problems[0]?.setting).toBe('SHARDMUX_DISCORD_TOKEN_FILE (the contents of /run/t)');
  });

  it('is not what Kubernetes makes for a Service named shardmux', () => {
    const links = {
      SHARDMUX_SERVICE_HOST: '10.0.0.1',
      SHARDMUX_SERVICE_PORT_WS: '7777',
      SHARDMUX_PORT: 'tcp://10.0.0.1:7777',
    };
    expect(problemsOf({ ...TOKEN, ...links, SHARDMUX_PORT_7777_TCP_ADDR: '10.0.0.1' })).toEqual([]);
    const problems = problemsOf({ ...TOKEN, SHARDMUX_STATUS_PORT: 'tcp://10.0.0.1:9464' });
    expect(problems[0]?.remedy).toContain('enableServiceLinks');
  });
});

describe('secrets', () => {
  const secrets = {
    SHARDMUX_DISCORD_TOKEN: 'bot-token-value',
    SHARDMUX_WORKERS_TOKENS: 'a:worker-token-value',
    SHARDMUX_WORKERS_SESSION_SECRET: 'x'.repeat(32),
  };

  it('do not show in any rendering of the configuration', () => {
    const config = configOf(secrets);
    const renderings = [
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(config),
      `${config.applications[0].token}`,
    ];
    for (const text of renderings) {
      expect(text).toContain('<redacted>');
      expect(text).not.toMatch(/-token-value|xxxx/);
    }
  });

  it.each([
    { SHARDMUX_DISCORD_TOKEN: '"s3cr3t s3cr3t"' },
    { SHARDMUX_WORKERS_TOKENS: 's3cr3t,s3cr3t:s3cr3t,a:s3cr3t' },
    { SHARDMUX_WORKERS_SESSION_SECRET: 's3cr3t' },
    { SHARDMUX_DISCORD_API_URL: 'http://s3cr3t@[' },
  ])('do not show in problems: %j', (env) => {
    const problems = problemsOf({ ...TOKEN, ...env });
    expect(problems.length).toBeGreaterThan(0);
    expect(inspect(problems)).not.toContain('s3cr3t');
  });

  it.each([
    'discord:\n  token: "s3cr3t\n',
    'workers:\n  tokens: [{ s3cr3t: s3cr3t }, s3cr3t]\n',
    '*s3cr3t',
    'discord: { token: !s3cr3t s3cr3t }',
  ])('do not show in problems of YAML %j', (yaml) => {
    const problems = fromYaml(yaml);
    expect(problems.length).toBeGreaterThan(0);
    expect(inspect(problems)).not.toContain('s3cr3t');
  });
});
