import { describe, expect, it } from 'vitest';

import { isRoutingKey, parseShardPath, routingKey, shardPath } from '../../../src/routing/shard-path.ts';
import {
  ANY_SHARD_PATHS,
  GATEWAY_INFORMATION_PATHS,
  INVALID_PATHS,
  OTHER_API_PATHS,
  SHARD_PATHS,
} from './request-paths.ts';

describe('a request path', () => {
  it.each(SHARD_PATHS)('$target asks for shard $shardId', ({ target, ...shard }) => {
    expect(parseShardPath(target)).toEqual({ kind: 'shard', ...shard });
  });

  it.each(ANY_SHARD_PATHS)('$target leaves the shard open', ({ target }) => {
    expect(parseShardPath(target)).toEqual({ kind: 'any' });
  });

  it.each([
    ...INVALID_PATHS,
    ...GATEWAY_INFORMATION_PATHS,
    ...OTHER_API_PATHS,
    { target: '' },
  ])('$target is no path of a worker', ({ target }) => {
    expect(parseShardPath(target)).toEqual({ kind: 'invalid' });
  });

  it('that we make leads back to its shard', () => {
    expect(parseShardPath(shardPath(7))).toEqual({ kind: 'shard', shardId: 7 });
    expect(parseShardPath(shardPath(7, '42'))).toEqual({ kind: 'shard', shardId: 7, applicationId: '42' });
  });
});

describe('a routing key', () => {
  it('is the shard id, after the application id where there is one', () => {
    expect(routingKey(3)).toBe('3');
    expect(routingKey(3, '80351110224678912')).toBe('80351110224678912/3');
  });

  it.each(['3', '0', '80351110224678912/3'])('can be %j', (key) => {
    expect(isRoutingKey(key)).toBe(true);
  });

  it.each(['', '03', '3/', 'a', '3;clear table gateway', '3 4', '3\n', '1/2/3'])('cannot be %j', (key) => {
    expect(isRoutingKey(key)).toBe(false);
  });
});
