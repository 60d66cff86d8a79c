/** Which application a request is for: the rules that workers' sessions follow too. Pure. */
import {
  ambiguousApplication,
  BOUND_ELSEWHERE,
  NOT_FOUND,
  type OwnAnswer,
  UNKNOWN_APPLICATION,
} from './own-answers.ts';
import type { Caller } from './ports.ts';

interface Named {
  readonly id: string;
}

export type Choice<Application> =
  | { readonly kind: 'chosen'; readonly application: Application }
  | { readonly kind: 'refused'; readonly answer: OwnAnswer };

const PREFIX = /^\/apps\/([^/?]*)(?=\/)/;

/** The application that a target begins with, and what is left of it. */
export function splitTarget(target: string): { readonly named: string | undefined; readonly target: string } {
  const [prefix, named] = target.startsWith('/apps/') ? (PREFIX.exec(target) ?? []) : [];
  return prefix === undefined ? { named: undefined, target } : { named, target: target.slice(prefix.length) };
}

/** The path names it, else the token is bound to it, else there is only one. */
export function chooseApplication<Application extends Named>(
  applications: readonly Application[],
  named: string | undefined,
  caller: Caller | undefined,
): Choice<Application> {
  const bound = caller?.applicationId;
  if (named !== undefined && bound !== undefined && named !== bound) return refused(BOUND_ELSEWHERE);
  const wanted = named ?? bound;
  if (wanted !== undefined) {
    const application = applications.find(({ id }) => id === wanted);
    if (application) return { kind: 'chosen', application };
    return refused(named === undefined ? BOUND_ELSEWHERE : UNKNOWN_APPLICATION);
  }
  const [only, ...others] = applications;
  if (!only) return refused(NOT_FOUND);
  return others.length === 0
    ? { kind: 'chosen', application: only }
    : refused(ambiguousApplication(applications.length));
}

function refused(answer: OwnAnswer): Choice<never> {
  return { kind: 'refused', answer };
}
