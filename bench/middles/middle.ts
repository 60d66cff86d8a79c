/** What relay and stock share: they read the product's settings, announce themselves as it does, and end on SIGTERM. */
import type { AddressInfo } from 'node:net';

const { SHARDMUX_DISCORD_API_URL = 'http://127.0.0.1:1', SHARDMUX_DISCORD_TOKEN = '' } = process.env;

export const discordUrl = new URL(SHARDMUX_DISCORD_API_URL);
export const botToken = SHARDMUX_DISCORD_TOKEN;

export function sayListening(address: AddressInfo | string | null): void {
  if (address === null || typeof address === 'string') throw new TypeError('not listening on TCP');
  const workersUrl = `ws://127.0.0.1:${address.port}`;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', workersUrl, statusUrl: null })}\n`);
}

process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
