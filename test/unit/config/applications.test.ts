import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { INTENTS } from '../../../src/protocol/intents.ts';
import { configOf, problemsOf, TOKEN, yamlFile } from './loading.ts';

const FIRST_ID = '100000000000000001';
const SECOND_ID = '100000000000000002';
const tokenOf = (id: string) => `${Buffer.from(id).toString('base64url')}.abc.s3cr3t`;
const FIRST = { token: tokenOf(FIRST_ID) };
const SECOND = { token: tokenOf(SECOND_ID) };

const fromJson = (applications: unknown) => ({ SHARDMUX_APPLICATIONS: JSON.stringify(applications) });
const problemOf = (applications: unknown) => problemsOf(fromJson(applications));

describe('one application', () => {
  it('is made from the section discord, its id from the token', () => {
    const config = configOf({ SHARDMUX_DISCORD_TOKEN: FIRST.token, SHARDMUX_DISCORD_SHARD_COUNT: '4' });
    expect(config.applications).toHaveLength(1);
    expect(config.applications[0]).toMatchObject({ id: FIRST_ID, shardCount: 4 });
    expect(config.applications[0].token.reveal()).toBe(FIRST.token);
  });

  it('has a name made from its token where the token tells no id, the same at every start', () => {
    const [{ id }] = configOf(TOKEN).applications;
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(configOf(TOKEN).applications[0].id).toBe(id);
    expect(configOf({ SHARDMUX_DISCORD_TOKEN: 'another' }).applications[0].id).not.toBe(id);
  });
});

describe('several applications', () => {
  it('come from JSON in one variable, and take from discord what they leave out', () => {
    const env = { SHARDMUX_DISCORD_SHARD_COUNT: '8', SHARDMUX_DISCORD_INTENTS: 'GUILDS' };
    const { applications } = configOf({ ...env, ...fromJson([FIRST, { ...SECOND, shardCount: 2 }]) });
    expect(applications.map(({ id, shardCount, intents }) => [id, shardCount, intents])).toEqual([
      [FIRST_ID, 8, INTENTS.GUILDS],
      [SECOND_ID, 2, INTENTS.GUILDS],
    ]);
  });

  it('come from YAML, their tokens from files', () => {
    const yaml = `applications:\n  - tokenFile: /run/a\n    intents: [GUILDS]\n  - tokenFile: /run/b\n    id: "${SECOND_ID}"\n`;
    const [env, files] = yamlFile(yaml);
    const config = configOf(env, { ...files, '/run/a': `${FIRST.token}\n`, '/run/b': 'stand-in' });
    expect(config.applications.map(({ id, token }) => [id, token.reveal()])).toEqual([
      [FIRST_ID, FIRST.token],
      [SECOND_ID, 'stand-in'],
    ]);
    expect(config.applications[0].tokenFile).toBe('/run/a');
    expect(config.applications[0].intents).toBe(INTENTS.GUILDS);
  });

  it('have the id that is given rather than the one in the token', () => {
    expect(configOf(fromJson([{ ...FIRST, id: SECOND_ID }])).applications[0].id).toBe(SECOND_ID);
  });

  it('are frozen', () => {
    const { applications } = configOf(fromJson([FIRST, SECOND]));
    expect([applications, ...applications].every(Object.isFrozen)).toBe(true);
  });

  it('can have worker tokens of their own', () => {
    const yaml = `workers:\n  tokens:\n    - { name: a, token: 0123456789abcdefg, application: "${FIRST_ID}" }\n    - { name: b, token: 1123456789abcdefg }\n`;
    const { tokens } = configOf(...yamlFile(yaml, fromJson([FIRST, SECOND]))).workers;
    expect(tokens.map(({ application }) => application)).toEqual([FIRST_ID, undefined]);
  });
});

describe('what is wrong with applications', () => {
  it.each([
    ['no list', '{', 'SHARDMUX_APPLICATIONS', 'is not a list'],
    ['an object', '{}', 'SHARDMUX_APPLICATIONS', 'is not a list'],
    ['an empty list', '[]', 'SHARDMUX_APPLICATIONS', 'is an empty list'],
    ['a list of tokens', '["s3cr3t"]', 'SHARDMUX_APPLICATIONS (entry 1)', 'is not an object'],
  ])('is %s', (_, text, setting, wrong) => {
    const problems = problemsOf({ SHARDMUX_APPLICATIONS: text });
    expect(problems).toMatchObject([{ setting, wrong }]);
    expect(inspect(problems)).not.toContain('s3cr3t');
  });

  it.each([
    ['no token', [{}], 'entry 1, token', 'is not set'],
    ['no id, which the token lacks too', [{ token: 'stand-in' }], 'entry 1, id', 'is not set, and the token'],
    ['an id that is a number', [{ ...FIRST, id: 1 }], 'entry 1, id', 'is a number'],
    ['an id that is none', [{ ...FIRST, id: 's3cr3t' }], 'entry 1, id', 'is not an application id'],
    ['an application twice', [FIRST, { token: `${FIRST.token}2` }], 'entry 2, id', 'repeats the id'],
    ['a token twice', [FIRST, { ...FIRST, id: SECOND_ID }], 'entry 2, token', 'repeats the token'],
    ['a key that is none', [{ ...FIRST, s3cr3t: 1 }], 'entry 1', 'has an unknown key'],
    ['a key without a value', [{ ...FIRST, intents: null }], 'entry 1, intents', 'has no value'],
    ['a wrong value', [FIRST, { ...SECOND, shardCount: 0 }], 'entry 2, shardCount', 'is out of range'],
    ['a wrong part of a value', [{ ...FIRST, presence: { afk: 1 } }], 'entry 1, presence, afk', 'is not a'],
  ])('is %s', (_, applications, place, wrong) => {
    const problems = problemOf(applications);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.setting).toBe(`SHARDMUX_APPLICATIONS (${place})`);
    expect(problems[0]?.wrong).toContain(wrong);
    expect(problems[0]?.remedy).toMatch(/\S/);
    expect(inspect(problems)).not.toContain('s3cr3t');
  });

  it('is told of every entry at once', () => {
    const problems = problemOf([
      { shardCount: 0, intnts: 5 },
      { ...SECOND, apiUrl: 'x' },
    ]);
    expect(problems.map(({ setting }) => setting)).toEqual([
      'SHARDMUX_APPLICATIONS (entry 1, shardCount)',
      'SHARDMUX_APPLICATIONS (entry 1)',
      'SHARDMUX_APPLICATIONS (entry 2, apiUrl)',
    ]);
    expect(problems[1]?.remedy).toContain('Did you mean intents?');
  });

  it('has its line in the YAML file', () => {
    const yaml = `applications:\n  - token: ${FIRST.token}\n  - token: ${SECOND.token}\n    shardCount: no\n`;
    expect(problemsOf(...yamlFile(yaml))[0]?.setting).toBe('applications[1].shardCount (s.yaml:4)');
  });

  it('is a token of discord beside them', () => {
    const problems = problemsOf({ ...TOKEN, ...fromJson([FIRST]) });
    expect(problems).toMatchObject([
      { setting: 'SHARDMUX_DISCORD_TOKEN', wrong: 'is set, and applications too' },
    ]);
  });

  it('is a token file that can not be read, or has no token in it, told with its place', () => {
    const yaml = 'applications:\n  - tokenFile: gone\n  - tokenFile: /run/t\n';
    const [env, files] = yamlFile(yaml);
    expect(problemsOf(env, { ...files, '/run/t': 'two words' }).map(({ setting }) => setting)).toEqual([
      'applications[0].tokenFile (s.yaml:2)',
      'applications[1].tokenFile (s.yaml:3) (the contents of /run/t)',
    ]);
    expect(problemOf([{ tokenFile: 'gone' }]).map(({ setting }) => setting)).toEqual([
      'SHARDMUX_APPLICATIONS (entry 1, tokenFile)',
    ]);
  });

  it('is a token and a token file in one entry', () => {
    expect(problemOf([{ ...FIRST, tokenFile: '/run/t' }])).toMatchObject([
      {
        setting: 'SHARDMUX_APPLICATIONS (entry 1, tokenFile)',
        wrong: 'is set, and SHARDMUX_APPLICATIONS (entry 1, token) too',
      },
    ]);
  });

  it('is a worker token of an application that is not there', () => {
    const yaml = `workers:\n  tokens: [{ name: a, token: 0123456789abcdefg, application: "${SECOND_ID}" }]\n`;
    expect(problemsOf(...yamlFile(yaml, fromJson([FIRST])))).toMatchObject([
      { setting: 'workers.tokens (s.yaml:2)', wrong: 'has an application that is not configured' },
    ]);
  });

  it('does not say more where discord has no token either', () => {
    expect(problemOf([{ ...FIRST, shardCount: 0 }])).toHaveLength(1);
  });
});
