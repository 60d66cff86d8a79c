/** The steps of a takeover, as the probe tells them. Pure. */
import type { MainThread } from '../usage.ts';

export const PROBE_MESSAGE = 'bench probe';

/** `connect` is told when it begins; the simulated Discord sees its end, the RESUME. */
export type ProbedStep = 'lease' | 'fetch' | 'restore' | 'connect';

export interface ProbedTime {
  readonly step: ProbedStep;
  readonly startUs: number;
  readonly endUs: number;
  /** What the node had used at `startUs`. */
  readonly used: MainThread;
}

export interface Resume {
  readonly receivedUs: number;
  /** What the node had used by then. */
  readonly used: MainThread;
  /** When a worker that had IDENTIFYed when the other node died had all its guilds; `null` where there are none. */
  readonly guildsUs: number | null;
}

/** Where the time went. `fetchMs`: Redis, its client, and parsing; `restoreMs`: decompressing and filling the log. */
export interface Takeover {
  readonly totalMs: number;
  readonly leaseMs: number;
  readonly fetchMs: number;
  readonly restoreMs: number;
  readonly connectMs: number;
  /** Of the node's main thread. */
  readonly cpuMs: number;
  /** It could have gone on, but other processes of this machine had the cores. */
  readonly noCoreMs: number;
  /** From the asking for the lease to the last guild of a worker that waited for them. */
  readonly guildsMs: number | null;
}

export function readProbe(line: string): ProbedTime | null {
  if (!line.includes(PROBE_MESSAGE)) return null;
  return JSON.parse(line) as ProbedTime;
}

/** From the moment the lease was asked for, which is before it was had. Throws where a step is missing. */
export function takeoverOf(times: readonly ProbedTime[], resume: Resume): Takeover {
  const find = (step: ProbedStep): ProbedTime => {
    const time = times.find((one) => one.step === step);
    if (!time) throw new Error(`the node did not say when its step "${step}" was`);
    return time;
  };
  const ms = (fromUs: number, toUs: number) => (toUs - fromUs) / 1000;
  const [lease, fetch, restore, connect] = [find('lease'), find('fetch'), find('restore'), find('connect')];
  return {
    totalMs: ms(lease.startUs, resume.receivedUs),
    leaseMs: ms(lease.startUs, lease.endUs),
    fetchMs: ms(fetch.startUs, fetch.endUs),
    restoreMs: ms(restore.startUs, restore.endUs),
    connectMs: ms(connect.startUs, resume.receivedUs),
    cpuMs: (resume.used.cpuNs - lease.used.cpuNs) / 1e6,
    noCoreMs: (resume.used.waitedNs - lease.used.waitedNs) / 1e6,
    guildsMs: resume.guildsUs === null ? null : ms(lease.startUs, resume.guildsUs),
  };
}
