/**
 * A worker process: a bot that does nothing but report what it receives. It connects to HAProxy at /shards/<n>, and keeps its
 * sessions over its own restarts: its parent has them.
 */
import { createInterface } from 'node:readline';
import type { WorkerStart } from '../messages.ts';
import { PlainShard } from './plain-shard.ts';
import { Reporter } from './reporter.ts';
import { connectStock } from './stock-shard.ts';

const reporter = new Reporter((line) => process.stdout.write(line));

process.on('SIGTERM', () => {
  reporter.flush();
  process.exit(0);
});

const input = createInterface(process.stdin);
// Our parent is gone.
input.once('close', () => process.exit(0));
input.once('line', (line) => {
  const start = JSON.parse(line) as WorkerStart;
  for (const shard of start.shards) {
    if (start.client === 'plain') new PlainShard(start, shard, reporter).connect();
    else void connectStock(start, shard, reporter);
  }
});
