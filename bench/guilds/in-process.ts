/** Runs a module of the benchmark in a process of its own, which prints what it has measured as one line of JSON. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface InProcessOptions {
  readonly file: string;
  readonly nodeOptions?: readonly string[];
  readonly args?: readonly string[];
  readonly signal: AbortSignal;
}

/** `Result`: what that module prints, by its own type. */
export async function inProcess<Result>({
  file,
  nodeOptions = [],
  args = [],
  signal,
}: InProcessOptions): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeOptions, file, ...args], { signal });
  return JSON.parse(stdout) as Result; // The reason for the cast: both ends are one module.
}
