/** What a process has used so far, read from Linux's /proc: works for any process, and with all of its threads. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time in ns of all threads. The first number of a thread's schedstat is its time on a CPU, user and system, in ns;
 * /proc/<pid>/stat counts in ticks of 10 ms. Threads that have ended are not in it, so a middle must keep its threads.
 */
export function cpuNs(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]);
  }
  return total;
}

export function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kilobytes) / 1024;
}

export interface MainThread {
  readonly cpuNs: number;
  /** Ready to run, while other processes had the cores. */
  readonly waitedNs: number;
}

export function mainThread(pid: number): MainThread {
  const [cpuNs, waitedNs] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ').map(Number);
  return { cpuNs: cpuNs ?? Number.NaN, waitedNs: waitedNs ?? Number.NaN };
}

/** The most that it ever had. */
export function peakResidentMb(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kilobytes) / 1024;
}
