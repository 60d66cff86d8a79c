/** Where discord.js is: among the libraries of the tests, and installed as these do it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installFrom } from '../../test/clients/install.ts';

const PACKAGE = fileURLToPath(new URL('../../test/clients/package.json', import.meta.url));
const DISCORD_JS = new URL('../../test/clients/node_modules/discord.js/', import.meta.url);

/** `undefined` where it is not there and can't be fetched. */
export async function libraryPath(): Promise<string | undefined> {
  return (await installFrom('npm')) && existsSync(DISCORD_JS) ? PACKAGE : undefined;
}
