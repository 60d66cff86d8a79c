/** A process with some of the workers' callers: each asks again as soon as it was answered, until the time is over. */
import { createInterface } from 'node:readline';
import { Agent } from 'undici';
import type { Begin, WorkersStart } from '../messages.ts';
import { callAgainAndAgain, monotonicMs } from './caller.ts';
import { Reporter } from './reporter.ts';

const reporter = new Reporter((line) => process.stdout.write(line));
const input = createInterface(process.stdin);
// Our parent is gone.
input.once('close', () => process.exit(0));

let start: WorkersStart | undefined;
input.on('line', (line) => {
  if (start) return begin(start, JSON.parse(line) as Begin);
  start = JSON.parse(line) as WorkersStart;
  reporter.ready();
});

function begin({ url, tokens, callers, deadlineMs }: WorkersStart, { endAtMs }: Begin): void {
  // As many connections as there are requests at a time; how long a request may take is for shardmux to say.
  const agent = new Agent({ pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  setTimeout(() => {
    reporter.flush();
    // What is on its way is left to itself.
    process.exit(0);
  }, endAtMs - monotonicMs());
  for (const caller of callers) {
    const authorization = `Bot ${tokens[caller.worker]}`;
    void callAgainAndAgain(caller, { url, agent, reporter, authorization, deadlineMs });
  }
}
