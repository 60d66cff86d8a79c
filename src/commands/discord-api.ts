/** Where an application's requests to Discord go, as it is configured. */
import { readFileSync } from 'node:fs';
import type { ApplicationConfig } from '../config/index.ts';
import { reasonOf } from '../runtime/reason-of.ts';
import type { DiscordApi } from '../upstream/index.ts';

/** The file of certificates can't be used. */
export class DiscordApiError extends Error {
  override readonly name = 'DiscordApiError';
}

/** @throws {DiscordApiError} */
export function discordApiOf({
  apiUrl,
  egressUrl,
  tlsCaFile,
}: Pick<ApplicationConfig, 'apiUrl' | 'egressUrl' | 'tlsCaFile'>): DiscordApi {
  return { apiUrl, egressUrl, ca: tlsCaFile === undefined ? undefined : readCa(tlsCaFile) };
}

function readCa(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    // Node takes a file without any for a list of none, and trusts nobody without a word.
    if (!/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/.test(text))
      throw new Error(`there is no certificate in ${path}`);
    return text;
  } catch (cause) {
    throw new DiscordApiError(
      `discord.tlsCaFile (SHARDMUX_DISCORD_TLS_CA_FILE) can't be read: ${reasonOf(cause)}. Give the path of a PEM file.`,
      { cause },
    );
  }
}
