import { asObject, type Json, type JsonObject } from "../json/json.ts";
import { closest } from "../providers/closest.ts";
import type { Diagnostic } from "../snapshot/snapshot.ts";
import { pathText } from "./diagnostics.ts";
import type { LoadedDocument, Path } from "./load.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "os.environ/";
/** What other tools would replace and LiteLLM takes as it stands. */
const FOREIGN = /^(?:\$\{?|env\.|env\/|os\.environ\.)([A-Za-z_]\w*)\}?$/;

/** The variable that a value refers to: `os.environ/NAME` as the whole of it. */
export function referredVariable(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.startsWith(PREFIX) ? value.slice(PREFIX.length) : undefined;
}

/** The variable that was probably meant by `${NAME}`, `$NAME` or `env/NAME`, which are no references here. */
export function mistakenReference(value: string): string | undefined {
  return FOREIGN.exec(value)?.[1];
}

/**
 * The environment with what `environment_variables` declares on top, in its order: a value may refer to what stands above
 * it. Values of other than text become text as YAML writes it. What refers to nothing is left as it was.
 */
export function declaredEnvironment(
  document: LoadedDocument,
  environment: Environment,
  diagnostics: Diagnostic[] = [],
): Environment {
  const known: Record<string, string | undefined> = { ...environment };
  for (const [name, value] of Object.entries(asObject(document.value.environment_variables) ?? {})) {
    const variable = referredVariable(value);
    if (variable === undefined) {
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
        known[name] = String(value);
    } else if (known[variable] === undefined) {
      diagnostics.push(missingVariable(document, known, ["environment_variables", name], variable));
    } else known[name] = known[variable];
  }
  return known;
}

/** A value with every reference in it resolved; `missing` is told of each that names nothing, and gives null. */
export function resolveReferences(
  value: Json,
  environment: Environment,
  path: Path,
  missing: (path: Path, variable: string) => void,
): Json {
  const variable = referredVariable(value);
  if (variable !== undefined) {
    const found = environment[variable];
    if (found === undefined) missing(path, variable);
    return found ?? null;
  }
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, index) =>
      resolveReferences(item, environment, [...path, index], missing),
    );
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([key, member]) => [
      key,
      resolveReferences(member ?? null, environment, [...path, key], missing),
    ]),
  );
}

export function missingVariable(
  document: LoadedDocument,
  environment: Environment,
  path: Path,
  variable: string,
): Diagnostic {
  const near = closest(variable, Object.keys(environment));
  return {
    severity: "warning",
    code: "missing_environment_variable",
    message: `${pathText(path)} is unset: the environment variable ${variable} is not there`,
    location: document.locate(path, "value"),
    ...(near === undefined ? {} : { suggestion: `${PREFIX}${near}` }),
  };
}
