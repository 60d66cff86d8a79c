/** Processes that must not outlive the tests: one that times out never gets to its disposal, and vitest ends its process with SIGTERM. */
import type { ChildProcess } from 'node:child_process';

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
process.once('SIGTERM', () => process.exit(143));

export function endsWithUs<Child extends ChildProcess>(child: Child): Child {
  alive.add(child);
  child.once('close', () => alive.delete(child));
  return child;
}
