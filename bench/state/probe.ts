/**
 * Loaded before a node (`--import`), whose own code knows nothing of us: prints now and then what CPU time merging has taken so far. The
 * node itself knows only how long it took, in which other processes may have had the core.
 */
import { GuildSnapshots } from '../../src/guilds/index.ts';
import { PROBE_MESSAGE } from './probe-message.ts';

const PRINT_EVERY_MS = 50;

let cpuUs = 0;
let isPrinting = false;

const print = () => {
  isPrinting = false;
  process.stdout.write(`${JSON.stringify({ msg: PROBE_MESSAGE, cpuUs })}\n`);
};

const { mergeSome } = GuildSnapshots.prototype;
GuildSnapshots.prototype.mergeSome = function (maxMs) {
  const before = process.threadCpuUsage();
  const isMore = mergeSome.call(this, maxMs);
  const { user, system } = process.threadCpuUsage(before);
  cpuUs += user + system;
  if (!isPrinting) setTimeout(print, PRINT_EVERY_MS);
  isPrinting = true;
  return isMore;
};
