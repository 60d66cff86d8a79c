/** The middle that understands nothing: bytes from one socket to the other. What a hop in Node costs at least without thought. */
import { connect, createServer } from 'node:net';
import { discordUrl, sayListening } from './middle.ts';

const server = createServer({ noDelay: true }, (worker) => {
  const upstream = connect({ host: discordUrl.hostname, port: Number(discordUrl.port), noDelay: true });
  worker.pipe(upstream).pipe(worker);
  worker.on('error', () => upstream.destroy());
  upstream.on('error', () => worker.destroy());
});
server.listen(0, '127.0.0.1', () => sayListening(server.address()));
