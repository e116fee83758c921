import type { DeclaredKind, DeclaredObject } from "../../snapshot/snapshot.ts";
import { refused } from "../refusals.ts";

/** What the configuration files in force declare: keys by their hash, teams and budgets by their id. */
export class DeclaredObjects {
  readonly #objects: () => ReadonlyMap<string, DeclaredObject>;

  constructor(objects: () => ReadonlyMap<string, DeclaredObject>) {
    this.#objects = objects;
  }

  /** Throws a refusal that names file and line when the object belongs to the file. */
  requireOwn(kind: DeclaredKind, id: string): void {
    const found = this.#objects().get(`${kind}:${id}`);
    if (found === undefined) return;
    const { file, line } = found.source;
    throw refused(
      400,
      `The ${kind} ${declaredName(found)} is declared in ${file}, line ${line}: it can only be changed there`,
    );
  }
}

/** How messages call an object: of a key never more than its alias or its last characters. */
export function declaredName({ kind, id, fields }: DeclaredObject): string {
  return kind === "key" ? String(fields.key_alias ?? fields.key_name) : id;
}
