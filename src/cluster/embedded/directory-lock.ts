/**
 * Keeps two nodes off one state directory: both would resume the same sessions and take them from each other for ever. The
 * lock is a Unix socket in the directory, listened on as long as the node lives: whoever can connect to it knows that the
 * owner is alive, in another container on the same volume too; one that nobody answers is left over from a crash.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join, relative, resolve } from 'node:path';

/** The directory can't be used; the message says which setting to look at. */
export class StateDirectoryError extends Error {
  override name = 'StateDirectoryError';
}

const LOCK_NAME = 'lock.sock';

/** The kernel takes no longer path for a Unix socket. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Creates the directory where it is missing, and takes the lock. Throws `StateDirectoryError`. */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new StateDirectoryError(
      `tail.directory: ${directory} can not be made: ${(cause as Error).message}; choose another, or give this user the right to`,
      { cause },
    );
  }
  const path = socketPath(directory);
  if (await isAnswered(path)) {
    throw new StateDirectoryError(
      `tail.directory: another shardmux is using ${directory}; give each a directory of its own`,
    );
  }
  rmSync(path, { force: true });
  const server = await listen(path, directory);
  return {
    [Symbol.asyncDispose]: () => new Promise((done) => (server ? server.close(() => done()) : done())),
  };
}

/** The shorter of the ways to name it, because there is a limit. */
function socketPath(directory: string): string {
  const absolute = join(resolve(directory), LOCK_NAME);
  const fromHere = relative('.', absolute);
  const path = fromHere.length < absolute.length ? fromHere : absolute;
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  throw new StateDirectoryError(
    `tail.directory: ${directory} is too long a path by ${Buffer.byteLength(path) - MAX_SOCKET_PATH_BYTES} bytes`,
  );
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((done) => {
    const connection = createConnection(path);
    connection.once('connect', () => {
      connection.destroy();
      done(true);
    });
    connection.once('error', () => done(false));
  });
}

/** `undefined` where the file system has no room for a socket or knows none: then nothing is locked. */
function listen(path: string, directory: string): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  server.unref();
  return new Promise((done, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EACCES' && cause.code !== 'EROFS') return done(undefined);
      const what = `tail.directory: ${directory} can not be written to (${cause.code})`;
      reject(new StateDirectoryError(`${what}; choose another, or give this user the right to`, { cause }));
    });
    server.listen(path, () => done(server));
  });
}
