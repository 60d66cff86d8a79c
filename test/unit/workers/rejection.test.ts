import { expect, test } from 'vitest';
import { Rejections } from '../../../src/workers/rejection.ts';

test.each([
  'a',
  'é',
  '€',
  '😀',
])('a reason made long with %s is cut at a character, within 123 bytes', (character) => {
  for (let padding = 0; padding < 4; padding++) {
    const { reason } = Rejections.invalidApiVersion('x'.repeat(padding) + character.repeat(200));
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
    expect(reason).not.toContain('\uFFFD');
  }
});
