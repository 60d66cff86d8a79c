/**
 * Keeps two nodes off one state directory: both would resume the same sessions and take them from each other for ever.
 * The lock is an abstract Unix socket named after the directory, which the kernel frees however the process ends. Linux
 * only; elsewhere nothing is locked.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';

export class DirectoryInUseError extends Error {
  override name = 'DirectoryInUseError';
}

/** Takes the lock, or throws `DirectoryInUseError`. Creates the directory where it is missing. */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  mkdirSync(directory, { recursive: true });
  if (process.platform !== 'linux') return { [Symbol.asyncDispose]: async () => undefined };
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 32);
  const server = createServer();
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new DirectoryInUseError(`another shardmux is using ${directory}; give each its own directory`, {
          cause,
        }),
      ),
    );
    server.listen(`\0shardmux-${name}`, resolve);
  });
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}
