/** Discord's addresses as DNS tells them to haproxy/egress.cfg: one that does not answer costs no request. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Egress } from '../../support/egress.ts';
import { eventually } from '../../support/eventually.ts';
import { askRaw } from '../../support/raw-http.ts';

const HEADER_BYTES = 12;
const A = 1;

/** Gives these addresses for every name. https://www.rfc-editor.org/rfc/rfc1035#section-4.1 */
function answerTo(query: Buffer, addresses: readonly string[]): Buffer {
  const nameEnd = query.indexOf(0, HEADER_BYTES) + 1;
  const given = query.readUInt16BE(nameEnd) === A ? addresses : [];
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x81_80, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(given.length, 6);
  const records = given.map((address) =>
    Buffer.from([0xc0, HEADER_BYTES, 0, A, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, query.subarray(HEADER_BYTES, nameEnd + 4), ...records]);
}

async function startDns(addresses: readonly string[]): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answerTo(query, addresses), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

it('of two addresses the one that answers gets the requests, also when DNS does not answer any more', async () => {
  const dns = await startDns(['127.0.0.2', '127.0.0.1']);
  await using egress = await Egress.start({
    environment: { HAPROXY_DNS: `127.0.0.1:${dns.address().port}` },
    name: 'discord.test',
  });
  const ask = async () => {
    const head = `GET /api/v10/users/@me HTTP/1.1\r\nHost: discord.com\r\nConnection: close\r\n`;
    const token = `Authorization: Bot ${egress.simulator.options.token}\r\n`;
    return (await askRaw(egress.port, `${head}${token}\r\n`)).status;
  };
  try {
    // DNS is asked once HAProxy runs.
    await eventually(async () => (await ask()) === 200);
    // One to each address, at least, of which the first fails and goes to the other.
    for (let one = 0; one < 8; one += 1) expect(await ask()).toBe(200);
    const servers = await egress.haproxy.command('show servers state discord');
    expect(servers).toContain(' 127.0.0.2 ');
  } finally {
    dns.close();
  }
  for (let one = 0; one < 8; one += 1) expect(await ask()).toBe(200);
});
