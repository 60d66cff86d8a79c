import { expect, it } from 'vitest';
import { parsePath } from '../../../src/rest/path.ts';
import { splitTarget } from '../../../src/rest/proxy/application-choice.ts';
import { isMethod, routeOf } from '../../../src/rest/route.ts';
import { COUNTED_PATHS, TRICKY_TARGETS } from './request-paths.ts';

const ID = '81384788765712384';

function majorOf(target: string, method = 'GET'): string {
  const path = parsePath(splitTarget(target.replace(/%(?![0-9A-F]{2})/g, ID)).target);
  if (path.kind === 'refused' || !isMethod(method)) throw new Error(`${method} ${target} is refused`);
  return routeOf(method, path, '100000000000000000', 0).major;
}

it.each(COUNTED_PATHS)('$target is counted with $sameAs', ({ target, method, sameAs }) => {
  const major = majorOf(target, method);
  expect(major).toBe(sameAs === undefined ? '' : majorOf(sameAs));
  if (sameAs !== undefined) expect(major).toContain(ID);
});

it.each(TRICKY_TARGETS)('%s is refused', (target) => {
  expect(parsePath(splitTarget(target).target)).toMatchObject({ kind: 'refused' });
});
