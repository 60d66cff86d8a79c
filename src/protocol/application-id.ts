/** Which application a bot token belongs to. Pure. */
import { createHash } from 'node:crypto';

const SNOWFLAKE = /^[1-9]\d{14,19}$/;

/** Whether `text` is an id as Discord gives them: https://discord.com/developers/docs/reference#snowflakes. */
export function isSnowflake(text: string): boolean {
  return SNOWFLAKE.test(text);
}

/** The first part of a bot token is an id in base64, and no secret; stand-ins for Discord have tokens without one. */
export function applicationIdOf(token: string): string | undefined {
  const id = Buffer.from(token.split('.', 1)[0] ?? '', 'base64').toString('latin1');
  return isSnowflake(id) ? id : undefined;
}

/** The id in the token, or where there is none a digest of the token that stands for it: never empty, and safe in a path. */
export function applicationNameOf(token: string): string {
  return applicationIdOf(token) ?? createHash('sha256').update(token).digest('hex').slice(0, 16);
}
