/** What large uploads take in memory: fresh processes, and 20 files of 25 MB at a time through each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { peakResidentMb, residentMb } from '../usage.ts';
import { startApi, startPeer } from './measure.ts';
import type { FromLoad, ToLoad } from './messages.ts';
import { MIDDLES, type MiddleName, startMiddle } from './middles.ts';

export interface UploadMeasurement {
  readonly way: MiddleName;
  /** Before the first request. */
  readonly idleMb: number;
  /** The most that it ever had. */
  readonly peakMb: number;
  readonly megabytesPerSecond: number;
}

export const UPLOADS_AT_A_TIME = 20;
export const UPLOAD_BYTES = 25_000_000;
/** One after the other. */
const WAVES = 3;
const WAVE_TIMEOUT_MS = 60_000;
const SETTLE_MS = 1_000;

export interface UploadOptions {
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
}

export async function measureUploads({
  profileDirectory,
  signal,
}: UploadOptions): Promise<UploadMeasurement[]> {
  await using stack = new AsyncDisposableStack();
  const api = await startApi(stack, signal);
  const load = stack.use(startPeer('load', signal));
  const measurements: UploadMeasurement[] = [];
  for (const way of MIDDLES) {
    await using middle = await startMiddle(way, { apiPort: api.port, profileDirectory, signal });
    const { pid } = middle.process;
    await sleep(SETTLE_MS, undefined, { signal });
    const idleMb = residentMb(pid);
    let elapsedMs = 0;
    for (let wave = 0; wave < WAVES; wave++) {
      const uploaded = load.message<Extract<FromLoad, { type: 'uploaded' }>>('uploaded', WAVE_TIMEOUT_MS);
      load.send({
        type: 'upload',
        target: middle.target,
        uploads: UPLOADS_AT_A_TIME,
        bytes: UPLOAD_BYTES,
      } satisfies ToLoad);
      const told = await Promise.race([uploaded, middle.process.failure, api.process.failure]);
      elapsedMs += told.elapsedMs;
    }
    const megabytes = (WAVES * UPLOADS_AT_A_TIME * UPLOAD_BYTES) / 1e6;
    const megabytesPerSecond = megabytes / (elapsedMs / 1e3);
    measurements.push({ way, idleMb, peakMb: peakResidentMb(pid), megabytesPerSecond });
  }
  return measurements;
}
