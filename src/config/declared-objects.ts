import { createHash } from "node:crypto";
import { asArray, asObject, asString, type JsonObject } from "../json/json.ts";
import type { DeclaredKind, DeclaredObject, Diagnostic } from "../snapshot/snapshot.ts";
import { type Path, refusal } from "./diagnostics.ts";
import type { LoadedDocument } from "./load.ts";
import type { ValidDocument } from "./validate.ts";

interface Declared {
  /** By `kind:id`; a key's id is its SHA-256. Budgets first, then teams, then keys: whoever refers comes later. */
  readonly objects: ReadonlyMap<string, DeclaredObject>;
  /** What refuses the file. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The budgets, teams and keys that the files declare. Keys leave here as their hash. */
export function declaredObjects(document: LoadedDocument, { value }: ValidDocument, masterKey?: string): Declared {
  const found = new Found(document);
  for (const [kind, section, id] of [
    ["budget", "budgets", "budget_id"],
    ["team", "teams", "team_id"],
  ] as const) {
    for (const [index, item] of asArray(value[section]).entries()) {
      const fields = asObject(item) ?? {};
      found.add(kind, [section, index], id, asString(fields[id]), fields);
    }
  }
  for (const [index, item] of asArray(value.virtual_keys).entries()) {
    const { key: given, ...fields } = asObject(item) ?? {};
    const path = ["virtual_keys", index];
    const key = asString(given);
    if (key !== undefined && key === masterKey)
      found.refuse([...path, "key"], "declared_object", `virtual_keys[${index}].key is the master key`);
    found.add("key", path, "key", key === undefined ? undefined : hashed(key), {
      ...fields,
      key_name: `sk-...${(key ?? "").slice(-4)}`,
    });
  }
  found.refuseSharedAliases();
  return found;
}

class Found implements Declared {
  readonly objects = new Map<string, DeclaredObject>();
  readonly diagnostics: Diagnostic[] = [];
  readonly #document: LoadedDocument;

  constructor(document: LoadedDocument) {
    this.#document = document;
  }

  add(kind: DeclaredKind, path: Path, idField: string, id: string | undefined, fields: JsonObject): void {
    const at = [...path, idField];
    if (id === undefined || id === "") {
      this.refuse(at, "missing_key", `${path[0]}[${path[1]}].${idField} is unset`);
      return;
    }
    const before = this.objects.get(`${kind}:${id}`);
    if (before !== undefined) {
      this.refuse(
        at,
        "declared_object",
        `this ${kind} is declared twice: line ${before.source.line} of ${before.source.file} has it, too`,
      );
      return;
    }
    this.objects.set(`${kind}:${id}`, { kind, id, fields, source: this.#document.locate(path) });
  }

  refuseSharedAliases(): void {
    const holders = new Map<string, DeclaredObject>();
    for (const one of this.objects.values()) {
      const alias = one.kind === "key" ? asString(one.fields.key_alias) : undefined;
      if (alias === undefined) continue;
      const before = holders.get(alias);
      if (before !== undefined) {
        const message = `the alias ${alias} is also that of the key in line ${before.source.line} of ${before.source.file}`;
        this.diagnostics.push(refusal("duplicate_alias", message, one.source));
      }
      holders.set(alias, one);
    }
  }

  refuse(path: Path, code: string, message: string): void {
    this.diagnostics.push(refusal(code, message, this.#document.locate(path, "value")));
  }
}

function hashed(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
