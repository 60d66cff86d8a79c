/** What `/readyz` of `shardmux rest` says. Pure. */
import type { Egress, RestLimiter } from '../../rest/index.ts';

type Check = { readonly ok: true } | { readonly ok: false; readonly wrong: string };

const OK = { ok: true } as const;

export function restReadiness(
  applications: readonly { readonly id: string; readonly limiter: RestLimiter }[],
  egress: Egress,
  { isDraining, isDiscordReachable }: { isDraining: boolean; isDiscordReachable: boolean },
): Readonly<Record<string, Check>> {
  const checks: Record<string, Check> = {
    draining: isDraining ? { ok: false, wrong: 'this node is shutting down' } : OK,
    egress:
      egress.level === 'stopped'
        ? {
            ok: false,
            wrong: 'nothing is sent to Discord: too many invalid requests in the last ten minutes',
          }
        : OK,
    discord: isDiscordReachable
      ? OK
      : { ok: false, wrong: 'the last request could not reach Discord: the log says why' },
  };
  for (const { id, limiter } of applications) {
    const name = applications.length === 1 ? 'token' : `token of ${id}`;
    const isLocked = limiter.readings().isTokenLocked;
    checks[name] = isLocked ? { ok: false, wrong: 'Discord refused the bot token (401)' } : OK;
  }
  return checks;
}
