import { expect, it } from 'vitest';
import { closeVerdict, explainFatalClose } from '../../../src/upstream/close-policy.ts';

it.each([4004, 4010, 4011, 4012, 4013, 4014])('stops after %i and says what to do', (code) => {
  expect(closeVerdict(code)).toBe('stop');
  expect(explainFatalClose(code)).toContain(`(${code}): `);
});

it.each([4007, 4009])('IDENTIFYs after %i', (code) => {
  expect(closeVerdict(code)).toBe('identify');
});

it.each([
  1000, 1001, 1005, 1006, 1011, 1012, 4000, 4001, 4002, 4003, 4005, 4008, 4200, 4999,
])('RESUMEs after %i', (code) => {
  expect(closeVerdict(code)).toBe('resume');
});
