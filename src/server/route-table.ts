import type { Method, Route } from "./route.ts";

interface Compiled {
  readonly route: Route;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

export type RouteMatch =
  | { readonly kind: "found"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "method"; readonly allowed: readonly Method[] }
  | { readonly kind: "none" };

const NO_PARAMS = {};

/** The one table of all routes. Fixed paths are found by one look-up; patterns are tried in order. */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #fixed = new Map<string, Map<Method, Route>>();
  readonly #patterns: Compiled[] = [];

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) {
      for (const path of [route.path, ...(route.aliases ?? [])]) this.#add(path, route);
    }
  }

  match(method: string, path: string): RouteMatch {
    const fixed = this.#fixed.get(path);
    const exact = fixed?.get(method as Method);
    if (exact !== undefined) return { kind: "found", route: exact, params: NO_PARAMS };
    const allowed = new Set<Method>(fixed?.keys());
    for (const { route, pattern, names } of this.#patterns) {
      const found = pattern.exec(path);
      if (found === null) continue;
      if (route.method !== method) {
        allowed.add(route.method);
        continue;
      }
      const params = decodeParams(names, found);
      if (params !== undefined) return { kind: "found", route, params };
    }
    return allowed.size > 0 ? { kind: "method", allowed: [...allowed] } : { kind: "none" };
  }

  #add(path: string, route: Route): void {
    if (path.includes("{")) {
      const names: string[] = [];
      const source = path
        .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
        .replace(/\{(\w+)(\\\.\\\.\\\.)?\}/g, (_, name: string, rest?: string) => {
          names.push(name);
          return rest === undefined ? "([^/]+)" : "(.+?)";
        });
      this.#patterns.push({ route, pattern: new RegExp(`^${source}$`), names });
      return;
    }
    let methods = this.#fixed.get(path);
    if (methods === undefined) {
      methods = new Map();
      this.#fixed.set(path, methods);
    }
    if (methods.has(route.method)) throw new RangeError(`two routes for ${route.method} ${path}`);
    methods.set(route.method, route);
  }
}

function decodeParams(names: readonly string[], found: RegExpExecArray): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  try {
    names.forEach((name, index) => {
      params[name] = decodeURIComponent(found[index + 1] as string);
    });
  } catch {
    // A malformed escape names nothing that could be there.
    return undefined;
  }
  // Neither does a character that no database can keep.
  return Object.values(params).some((value) => value.includes("\0")) ? undefined : params;
}
