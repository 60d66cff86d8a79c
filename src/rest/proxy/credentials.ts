/**
 * Who sends a request, and in whose name it goes to Discord. `Authorization: Bot` is a worker token, and the application's own takes its
 * place. What OAuth2 knows besides (`Bearer` of a user, `Basic` of a client) is Discord's business and passes as it is; the worker then
 * says who it is in `X-Shardmux-Authorization`.
 */
import type { IncomingMessage } from 'node:http';
import type { ApiPath } from '../path.ts';
import { isOAuth2TokenRoute } from '../route.ts';
import type { KnownCallers } from './known-callers.ts';
import { NOT_FOR_DISCORD, OAUTH2_UNKNOWN_WORKER, type OwnAnswer, UNAUTHORIZED } from './own-answers.ts';
import type { Caller } from './ports.ts';

export type Credentials =
  | {
      readonly kind: 'accepted';
      /** Nobody, where no token was given. */
      readonly caller: Caller | undefined;
      /** The `Authorization` that passes as it is; nothing where the application's token belongs if any. */
      readonly authorization: string | undefined;
    }
  | { readonly kind: 'refused'; readonly answer: OwnAnswer };

const WORKER = /^Bot +(\S+)$/i;
const OAUTH2 = /^(?:Bearer|Basic) +[!-~]+$/i;

export function credentialsOf(
  { headers, socket }: IncomingMessage,
  path: ApiPath,
  callers: KnownCallers,
): Credentials {
  const { authorization: given, 'x-shardmux-authorization': own } = headers;
  const isOAuth2 = given !== undefined && OAUTH2.test(given);
  if (own !== undefined) {
    if (given !== undefined && !isOAuth2) return refused(NOT_FOR_DISCORD);
    return worker(String(own), given, socket, callers);
  }
  if (given === undefined) return { kind: 'accepted', caller: undefined, authorization: undefined };
  if (!isOAuth2) return worker(given, undefined, socket, callers);
  // Where a client gets its tokens it has none yet, and says itself who it is.
  if (isOAuth2TokenRoute(path)) return { kind: 'accepted', caller: undefined, authorization: given };
  return refused(OAUTH2_UNKNOWN_WORKER);
}

function worker(
  own: string,
  authorization: string | undefined,
  connection: object,
  callers: KnownCallers,
): Credentials {
  const [, token] = WORKER.exec(own) ?? [];
  const caller = token === undefined ? undefined : callers.authenticate(connection, token);
  return caller ? { kind: 'accepted', caller, authorization } : refused(UNAUTHORIZED);
}

function refused(answer: OwnAnswer): Credentials {
  return { kind: 'refused', answer };
}
