/** One caller: a request at a time, the next one when that is answered; it waits where it is told to, as libraries do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from 'undici';
import { monotonicUs } from '../../deployment/monotonic.ts';
import type { CallerStart, Outcome } from '../messages.ts';
import type { Reporter } from './reporter.ts';

/** Before a request is sent again that could not be answered. */
const AGAIN_MS = 100;

const MAX_EXAMPLE_LENGTH = 300;

export interface CallerContext {
  readonly url: string;
  readonly agent: Agent;
  readonly reporter: Reporter;
  readonly authorization: string;
  readonly deadlineMs: number;
}

interface Answered {
  readonly outcome: Outcome;
  readonly waitMs: number;
  readonly text?: string;
}

/** Goes on for as long as the process does. */
export async function callAgainAndAgain(caller: CallerStart, context: CallerContext): Promise<never> {
  const { reporter } = context;
  for (;;) {
    const sentMs = monotonicMs();
    const { outcome, waitMs, text } = await call(caller, context);
    const atMs = monotonicMs();
    reporter.answered(caller.bucket, outcome, { atMs, tookMs: atMs - sentMs });
    if (text !== undefined) reporter.example(outcome, `${caller.method} ${caller.path}: ${text}`);
    if (waitMs > 0) await sleep(waitMs);
  }
}

async function call(caller: CallerStart, context: CallerContext): Promise<Answered> {
  const { url, agent, authorization, deadlineMs } = context;
  try {
    const { statusCode, headers, body } = await agent.request({
      origin: url,
      path: `/api/v10${caller.path}`,
      method: caller.method,
      headers: {
        authorization,
        'user-agent': 'DiscordBot (https://example.org, 1.0)',
        'x-shardmux-deadline-ms': String(deadlineMs),
        ...(caller.body ? { 'content-type': 'application/json' } : {}),
      },
      body: caller.body ? JSON.stringify(caller.body) : null,
    });
    const text = await body.text();
    if (statusCode === caller.status) return { outcome: 'done', waitMs: 0 };
    return notDone(statusCode, Number(headers['retry-after']), text);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { outcome: 'broken', waitMs: AGAIN_MS, text };
  }
}

function notDone(status: number, retryAfterS: number, body: string): Answered {
  const text = `${status} ${body.slice(0, MAX_EXAMPLE_LENGTH)}`;
  if (status === 429) {
    const outcome = body.includes('"shardmux:') ? 'refused' : 'limited';
    return { outcome, text, waitMs: Math.max(AGAIN_MS, retryAfterS * 1_000) };
  }
  return { outcome: status >= 502 && status <= 504 ? 'unavailable' : 'wrong', text, waitMs: AGAIN_MS };
}

export function monotonicMs(): number {
  return monotonicUs() / 1_000;
}
