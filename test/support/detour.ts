/**
 * Loaded into a node before its own code (`--import`): connections to one port of this machine go to another, as a route or a
 * firewall would make them. What a node is told about where Discord is, also in READY, stays as it is.
 */
import { Socket } from 'node:net';

const [from, to] = (process.env['TEST_DETOUR'] ?? '').split(':').map(Number);

type Connect = typeof Socket.prototype.connect;
const connect: Connect = Socket.prototype.connect;

Socket.prototype.connect = function detoured(this: Socket, ...given: unknown[]): Socket {
  // Node's own callers give a list of arguments as the first one.
  const [first] = given.flat() as [{ port?: number | string } | undefined];
  if (typeof first === 'object' && Number(first.port) === from) Object.assign(first, { port: to });
  return connect.apply(this, given as Parameters<Connect>);
} as Connect;
