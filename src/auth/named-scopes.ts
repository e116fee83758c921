import type { Scope } from "../admission/scope.ts";
import type { KeyDirectory } from "./key-directory.ts";

/** What was looked up is good for so long. */
const FRESH_MS = 10_000;
const MOST_NAMES = 20_000;

interface Known {
  readonly scope: Scope | undefined;
  readonly at: number;
}

/** Scopes of what requests name themselves, kept for a while: most names have no limits, and are asked for often. */
export class NamedScopes {
  readonly #directory: KeyDirectory;
  readonly #known = new Map<string, Known>();

  constructor(directory: KeyDirectory) {
    this.#directory = directory;
  }

  of(endUser: string | undefined, tags: readonly string[]): readonly Scope[] | Promise<readonly Scope[]> {
    if (endUser === undefined && tags.length === 0) return NONE;
    const names = [...(endUser === undefined ? [] : [`customer:${endUser}`]), ...tags.map((tag) => `tag:${tag}`)];
    const now = performance.now();
    const scopes: Scope[] = [];
    for (const name of names) {
      const known = this.#known.get(name);
      if (known === undefined || now - known.at > FRESH_MS) return this.#lookUp(names);
      if (known.scope !== undefined) scopes.push(known.scope);
    }
    return scopes;
  }

  forget(): void {
    this.#known.clear();
  }

  async #lookUp(names: readonly string[]): Promise<readonly Scope[]> {
    const found = await Promise.all(names.map((name) => this.#find(name)));
    const at = performance.now();
    if (this.#known.size + names.length > MOST_NAMES) this.#known.clear();
    names.forEach((name, index) => {
      this.#known.set(name, { scope: found[index], at });
    });
    return found.filter((scope) => scope !== undefined);
  }

  async #find(name: string): Promise<Scope | undefined> {
    try {
      return name.startsWith("tag:")
        ? await this.#directory.tagScope(name.slice("tag:".length))
        : await this.#directory.customerScope(name.slice("customer:".length));
    } catch {
      // While the database is away, what was known goes on; a name that nobody had seen is not limited.
      return this.#known.get(name)?.scope;
    }
  }
}

const NONE: readonly Scope[] = [];
