/** What the head of a worker's request says: whose it is, what it is for, and whether it may be forwarded at all. Pure but for the tokens. */
import type { IncomingMessage } from 'node:http';
import { type ApiPath, parsePath } from '../path.ts';
import { PRIORITIES, type Priority } from '../priority.ts';
import { isMethod, type Method, routeOf } from '../route.ts';
import { chooseApplication, splitTarget } from './application-choice.ts';
import { credentialsOf } from './credentials.ts';
import { gatewayRoute } from './gateway-answer.ts';
import type { KnownCallers } from './known-callers.ts';
import {
  AMBIGUOUS_HEADERS,
  BROKEN_FRAMING,
  error,
  METHOD_NOT_ALLOWED,
  NO_TOKEN,
  OTHER_VERSION,
  type OwnAnswer,
  pathAnswer,
  TOO_MANY_HEADERS,
} from './own-answers.ts';
import type { Caller, ProxiedApplication, ProxyOptions } from './ports.ts';

export interface RequestHead {
  readonly method: Method;
  readonly application: ProxiedApplication;
  /** The name of a service account. */
  readonly account: string;
  /** Of OAuth2, where the worker sends its own; the application's token stays here then. */
  readonly authorization: string | undefined;
  /** From `/api` on, as it came. */
  readonly target: string;
  readonly path: ApiPath;
  readonly deadlineMs: number;
  readonly priority: Priority | undefined;
}

export type HeadReading =
  | { readonly kind: 'forward'; readonly head: RequestHead }
  | {
      readonly kind: 'gateway';
      readonly route: 'gateway' | 'gateway-bot';
      readonly application: ProxiedApplication;
    }
  | { readonly kind: 'refused'; readonly answer: OwnAnswer };

/** More than any library sends; a flood of them is refused, not cut short. */
export const MAX_HEADERS = 100;

/** Whoever sends no token, on routes that need none. */
const ANONYMOUS = 'anonymous';

type HeadOptions = Pick<ProxyOptions, 'applications' | 'gatewayUrl' | 'limits'>;

export function readHead(
  request: IncomingMessage,
  options: HeadOptions,
  callers: KnownCallers,
  nowMs: number,
): HeadReading {
  const { method = '' } = request;
  const wrong = wrongFraming(request);
  if (wrong) return refused(wrong);
  if (!isMethod(method)) return refused(METHOD_NOT_ALLOWED);
  const { named, target } = splitTarget(request.url ?? '');
  const path = parsePath(target);
  if (path.kind === 'refused') return refused(pathAnswer(path.reason));
  const credentials = credentialsOf(request, path, callers);
  if (credentials.kind === 'refused') return credentials;
  const { caller, authorization } = credentials;
  const choice = choose(options.applications, named, caller, path);
  if (choice.kind === 'refused') return choice;
  const { application } = choice;
  const gateway = options.gatewayUrl && gatewayRoute(method, path);
  if (gateway && (caller || gateway === 'gateway')) return { kind: 'gateway', route: gateway, application };
  if (!caller && routeOf(method, path, { applicationId: application.id, nowMs }).needsToken)
    return refused(NO_TOKEN);
  const wishes = wishesOf(request, options.limits.defaultDeadlineMs);
  if (wishes.kind === 'refused') return wishes;
  const { deadlineMs, priority } = wishes;
  const account = caller?.name ?? ANONYMOUS;
  return {
    kind: 'forward',
    head: { method, application, account, authorization, target, path, deadlineMs, priority },
  };
}

/** What the parser lets through and we don't: another coding would be taken off here and put on by nobody. */
function wrongFraming({ rawHeaders, headers, httpVersion }: IncomingMessage): OwnAnswer | undefined {
  if (rawHeaders.length > 2 * MAX_HEADERS) return TOO_MANY_HEADERS;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return OTHER_VERSION;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion === '1.0'))
    return BROKEN_FRAMING;
  // Two proxies may each believe in another of them.
  const hosts = countOf(rawHeaders, 'host');
  const isClear = hosts < 2 && (hosts === 1 || httpVersion === '1.0');
  const tokens = countOf(rawHeaders, 'authorization');
  return isClear && tokens < 2 ? undefined : AMBIGUOUS_HEADERS;
}

/** What a request takes in memory while it waits, without its headers and body: measured with 100,000 of them. */
const BARE_REQUEST_BYTES = 7 * 1024;

/** What it takes in memory as long as it waits, without its body. Runs per request. */
export function headBytes({ rawHeaders, url }: IncomingMessage): number {
  let bytes = BARE_REQUEST_BYTES + (url?.length ?? 0);
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at];
    if (given?.length === name.length && given.toLowerCase() === name) count++;
  }
  return count;
}

function choose(
  applications: readonly ProxiedApplication[],
  named: string | undefined,
  caller: Caller | undefined,
  path: ApiPath,
): ReturnType<typeof chooseApplication<ProxiedApplication>> {
  if (caller || named !== undefined || applications.length < 2) {
    return chooseApplication(applications, named, caller);
  }
  // Without a token none of them is needed. Answers to interactions say whose they are; what else there is always goes the same way.
  const [head, id] = path.segments;
  const own = head === 'webhooks' ? applications.find((application) => application.id === id) : undefined;
  return chooseApplication(applications, (own ?? applications[0])?.id, undefined);
}

type Wishes =
  | { readonly kind: 'wishes'; readonly deadlineMs: number; readonly priority: Priority | undefined }
  | { readonly kind: 'refused'; readonly answer: OwnAnswer };

function wishesOf({ headers }: IncomingMessage, defaultDeadlineMs: number): Wishes {
  const deadline = headers['x-shardmux-deadline-ms'];
  const wanted = headers['x-shardmux-priority'];
  if (deadline !== undefined && !/^[1-9]\d{0,8}$/.test(String(deadline))) {
    return refused(error(400, 'shardmux: X-Shardmux-Deadline-Ms is not a number of milliseconds'));
  }
  const priority = PRIORITIES.find((name) => name === wanted);
  if (wanted !== undefined && priority === undefined) {
    return refused(error(400, `shardmux: X-Shardmux-Priority is none of ${PRIORITIES.join(', ')}`));
  }
  return {
    kind: 'wishes',
    deadlineMs: deadline === undefined ? defaultDeadlineMs : Number(deadline),
    priority,
  };
}

function refused(answer: OwnAnswer): { readonly kind: 'refused'; readonly answer: OwnAnswer } {
  return { kind: 'refused', answer };
}
