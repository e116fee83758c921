import type { SourceLocation } from "../snapshot/snapshot.ts";
import { refused } from "./refusals.ts";

export type DeclaredKind = "key" | "team" | "budget";

/** What the configuration file declares: keys by their hash, teams and budgets by their id. */
export class DeclaredObjects {
  readonly #locations: ReadonlyMap<string, SourceLocation>;

  constructor(locations: ReadonlyMap<string, SourceLocation> = new Map()) {
    this.#locations = locations;
  }

  /** Throws a refusal that names file and line when the object belongs to the file. */
  requireOwn(kind: DeclaredKind, id: string, name = id): void {
    const location = this.#locations.get(`${kind}:${id}`);
    if (location === undefined) return;
    throw refused(
      400,
      `The ${kind} ${name} is declared in ${location.file}, line ${location.line}: it can only be changed there`,
    );
  }

  has(kind: DeclaredKind, id: string): boolean {
    return this.#locations.has(`${kind}:${id}`);
  }
}
