import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Lane } from '../../../src/rest/lane.ts';
import { type Submitted, Waiting } from '../../../src/rest/waiting.ts';
import { eventually } from '../../support/eventually.ts';

setFlagsFromString('--expose-gc');
// The reason for the cast: it is there since the line above.
const collectGarbage = runInNewContext('gc') as () => void;

describe('a request that has stopped waiting', () => {
  it('keeps nothing of whoever waited: its alarm keeps it until the deadline that it had', async () => {
    // The reason for the casts: it looks at neither of them.
    const waiting = new Waiting({} as Submitted, 1, {} as Lane);
    const promise = new WeakRef(waiting.promise());
    promise.deref()?.catch(() => undefined);
    waiting.fail(new Error('left'));
    await eventually(() => {
      collectGarbage();
      return promise.deref() === undefined;
    });
    expect(waiting.hasLeft).toBe(true);
  });
});
