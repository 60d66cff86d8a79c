import { expect, it } from 'vitest';
import { TailWait } from '../../../src/guilds/tail-wait.ts';

const STOPPED = new Error('stopped');

function waitAt(writtenSequence: number | undefined) {
  const tail = { writtenSequence, baseSequence: 0, writtenBytes: 0 };
  return { tail, wait: new TailWait(tail) };
}

it('a wait is over once the tail has the sequence, also where it began anew meanwhile', async () => {
  const { tail, wait } = waitAt(3);
  await wait.until(3);
  const waiting = wait.until(4);
  tail.writtenSequence = undefined;
  wait.lookAgain();
  tail.writtenSequence = 4;
  wait.lookAgain();
  await waiting;
});

it('a wait rejects once it is stopped, whether it had begun or not', async () => {
  const { wait } = waitAt(3);
  const waiting = wait.until(4);
  wait.stop(STOPPED);
  await expect(waiting).rejects.toBe(STOPPED);
  await expect(wait.until(4)).rejects.toBe(STOPPED);
});
