/** What a route is made of, and what its act is given. */
import type { Answer } from './answers.ts';
import type { ReceivedBody } from './body.ts';
import type { BucketName, SubLimitName } from './limits.ts';
import type { Templated } from './rules/route-tree.ts';
import type { World } from './state/world.ts';

export interface RestCall {
  /** Decoded. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  body: ReceivedBody;
  epochMs: number;
  /** Of the simulator's clock. */
  nowMs: number;
}

export interface Route extends Templated {
  /** `bot`: needs its token. `webhook` and `interaction`: the path has one. `anyone`: asks for none. */
  access: 'bot' | 'webhook' | 'interaction' | 'anyone';
  /** None: only the global limit counts, and no header tells of limits. */
  bucket?: BucketName | ((params: RestCall['params'], epochMs: number) => BucketName);
  /** A hidden limit that this very request falls under. Asked when the body is there. */
  subLimit?: (call: RestCall) => { name: SubLimitName; of: string } | undefined;
  act: (world: World, call: RestCall) => Answer;
}

/** A parameter that the template has. */
export function param(call: Pick<RestCall, 'params'>, name: string): string {
  const value = call.params[name];
  if (value === undefined) throw new RangeError(`the route has no parameter ${name}`);
  return value;
}
