/** Which application a worker means: the rules, in one place. Pure. */
import type { Account, ServedApplication } from './ports.ts';
import { type Rejection, Rejections } from './rejection.ts';

export interface ApplicationHints {
  /** Of the connection's path; one that is served here. */
  readonly path: ServedApplication | undefined;
  readonly account: Account;
  /** In the session id of a RESUME. */
  readonly claimed: string | undefined;
}

export type ApplicationChoice =
  | { readonly kind: 'chosen'; readonly application: ServedApplication }
  /** A session of an application that is not served here. */
  | { readonly kind: 'foreign-session' }
  | { readonly kind: 'reject'; readonly rejection: Rejection };

/** The path names it, else the account is bound to it, else the session to be resumed is of it, else there is only one. */
export function chooseApplication(
  applications: readonly ServedApplication[],
  { path, account, claimed }: ApplicationHints,
): ApplicationChoice {
  const bound = account.applicationId;
  if (bound !== undefined && path !== undefined && bound !== path.id) {
    return { kind: 'reject', rejection: Rejections.boundElsewhere(path.id) };
  }
  if (path) return chosen(path);
  if (bound !== undefined) {
    const application = findApplication(applications, bound);
    return application
      ? chosen(application)
      : { kind: 'reject', rejection: Rejections.boundToUnserved(bound) };
  }
  if (claimed !== undefined) {
    const application = findApplication(applications, claimed);
    return application ? chosen(application) : { kind: 'foreign-session' };
  }
  const [only, ...others] = applications;
  if (!only || others.length > 0) {
    return { kind: 'reject', rejection: Rejections.ambiguousApplication(applications.length) };
  }
  return chosen(only);
}

export function findApplication(
  applications: readonly ServedApplication[],
  id: string,
): ServedApplication | undefined {
  return applications.find((application) => application.id === id);
}

function chosen(application: ServedApplication): ApplicationChoice {
  return { kind: 'chosen', application };
}
