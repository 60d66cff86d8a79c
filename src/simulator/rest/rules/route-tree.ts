/** Which route a path is, by its segments. A literal segment wins over a parameter. Pure. */

export interface Templated {
  method: string;
  /** `/channels/:channel/messages`; a segment that begins with a colon is a parameter. */
  template: string;
}

export type Match<Route> =
  | { kind: 'route'; route: Route; params: Record<string, string> }
  | { kind: 'wrong-method' }
  | { kind: 'unknown' };

interface Branch<Route> {
  literals: Map<string, Branch<Route>>;
  parameter: Branch<Route> | undefined;
  byMethod: Map<string, { route: Route; names: string[] }>;
}

export class RouteTree<Route extends Templated> {
  readonly #root: Branch<Route> = branch();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  /** `path` begins with a slash and is as it was sent: segments are told apart first and decoded then, as in `%40me`. */
  match(method: string, path: string): Match<Route> {
    const found = find(this.#root, path.split('/').slice(1).map(decoded), []);
    if (!found) return { kind: 'unknown' };
    const entry = found.branch.byMethod.get(method);
    if (!entry) return { kind: 'wrong-method' };
    const params = Object.fromEntries(entry.names.map((name, index) => [name, found.values[index] ?? '']));
    return { kind: 'route', route: entry.route, params };
  }

  #add(route: Route): void {
    let at = this.#root;
    const names: string[] = [];
    for (const segment of route.template.split('/').slice(1)) {
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        at.parameter ??= branch();
        at = at.parameter;
      } else {
        const next = at.literals.get(segment) ?? branch<Route>();
        at.literals.set(segment, next);
        at = next;
      }
    }
    if (at.byMethod.has(route.method)) throw new Error(`two routes are ${route.method} ${route.template}`);
    at.byMethod.set(route.method, { route, names });
  }
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function branch<Route>(): Branch<Route> {
  return { literals: new Map(), parameter: undefined, byMethod: new Map() };
}

function find<Route>(
  at: Branch<Route>,
  [segment, ...rest]: readonly string[],
  values: readonly string[],
): { branch: Branch<Route>; values: readonly string[] } | undefined {
  if (segment === undefined) return at.byMethod.size > 0 ? { branch: at, values } : undefined;
  const literal = at.literals.get(segment);
  const found = literal && find(literal, rest, values);
  if (found || !at.parameter || segment === '') return found;
  return find(at.parameter, rest, [...values, segment]);
}
