/** A teacher with the names of haproxy/haproxy.cfg and a clock that stands still, unless said otherwise. Not a test itself. */
import { Teacher, type TeacherOptions } from '../../../src/routing/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

type Given = Pick<TeacherOptions, 'sockets' | 'server'> & Partial<TeacherOptions>;

export function startTeacher(given: Given): Teacher {
  return new Teacher({
    backend: 'gateway',
    table: 'gateway',
    intervalMs: 5_000,
    clock: new ManualClock(),
    onState: () => {},
    ...given,
  });
}
