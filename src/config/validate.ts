import { isObject, type Json, type JsonObject } from "../json/json.ts";
import { closest } from "../providers/closest.ts";
import type { Diagnostic } from "../snapshot/snapshot.ts";
import { ConfigError, type Path, pathText, refusal } from "./diagnostics.ts";
import type { Key, Section } from "./key.ts";
import { CONFIGURATION, suggestKey } from "./keys.ts";
import type { LoadedDocument } from "./load.ts";
import { parameterKind, suggestParameter, suggestPrice } from "./parameter-hints.ts";
import {
  declaredEnvironment,
  type Environment,
  missingVariable,
  mistakenReference,
  referredVariable,
} from "./references.ts";
import { readScalar, typeName, type ValueType, valueName } from "./value-type.ts";

/** A configuration whose references are resolved and whose values are what their keys want. */
export interface ValidDocument {
  readonly value: JsonObject;
  /** The variables of the process with what the configuration declares on top. */
  readonly environment: Environment;
  readonly diagnostics: readonly Diagnostic[];
  /** Entries of `model_list` that a variable's value makes unusable: index → why. */
  readonly broken: ReadonlyMap<number, Diagnostic>;
}

/** Resolves and checks a configuration. Throws ConfigError, with everything that was found, when its shape is wrong. */
export function validateDocument(document: LoadedDocument, environment: Environment): ValidDocument {
  const diagnostics: Diagnostic[] = [...document.diagnostics];
  const declared = declaredEnvironment(document, environment, diagnostics);
  const validator = new Validator(document, declared, diagnostics);
  const value = validator.section(CONFIGURATION, document.value, [], false);
  if (validator.refused) throw new ConfigError(diagnostics);
  return { value, environment: declared, diagnostics, broken: validator.broken };
}

class Validator {
  readonly broken = new Map<number, Diagnostic>();
  refused = false;
  readonly #document: LoadedDocument;
  readonly #environment: Environment;
  readonly #diagnostics: Diagnostic[];
  /** Keys whose fate was told: once is enough, however many deployments have them. */
  readonly #told = new Set<string>();

  constructor(document: LoadedDocument, environment: Environment, diagnostics: Diagnostic[]) {
    this.#document = document;
    this.#environment = environment;
    this.#diagnostics = diagnostics;
  }

  /** `muted`: the section belongs to something that has no effect, which was told. */
  section(section: Section, value: JsonObject, path: Path, muted: boolean): JsonObject {
    for (const name of section.required) {
      if (value[name] === undefined || value[name] === null)
        this.#refuse(
          "missing_key",
          path,
          `${pathText(path)} has no ${name}`,
          nearName(name, Object.keys(value), section),
        );
    }
    const members: [string, Json][] = [];
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue;
      const at = [...path, name];
      const key = section.keys.get(name);
      if (key === undefined) members.push([name, this.#unknown(section, name, member, at, muted)]);
      else if (key.status === "supported") members.push([name, this.#read(key.type, member, at, muted)]);
      else {
        this.#tellFate(section, name, key, member, at, muted);
        members.push([name, key.status === "ignored" ? member : this.#read(key.type, member, at, true)]);
      }
    }
    return Object.fromEntries(members);
  }

  #read(type: ValueType, raw: Json, path: Path, muted: boolean): Json {
    const value = this.#resolve(raw, path, muted);
    if (value === null) return null;
    switch (type.kind) {
      case "anything":
        return this.#children(value, path, muted, type, type);
      case "list":
        return Array.isArray(value)
          ? this.#children(value, path, muted, type.items, type)
          : this.#mismatch(type, raw, path);
      case "map":
        return isObject(value)
          ? this.#children(value, path, muted, type.values, type)
          : this.#mismatch(type, raw, path);
      case "section":
        return isObject(value) ? this.section(type.section, value, path, muted) : this.#mismatch(type, raw, path);
      case "either": {
        const fitting = type.types.find((candidate) => fits(candidate, value));
        return fitting === undefined
          ? this.#mismatch(type, raw, path)
          : this.#read(fitting, value, path, muted || typeof value === "string");
      }
      default:
        return readScalar(type, value) ?? this.#mismatch(type, raw, path);
    }
  }

  #children(value: Json, path: Path, muted: boolean, inner: ValueType, outer: ValueType): Json {
    if (Array.isArray(value))
      return (value as readonly Json[]).map((item, index) =>
        this.#read(outer.kind === "anything" ? outer : inner, item, [...path, index], muted),
      );
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, this.#read(inner, member ?? null, [...path, name], muted)]),
    );
  }

  #resolve(raw: Json, path: Path, muted: boolean): Json {
    // Their own references were resolved in their order.
    if (typeof raw !== "string" || path[0] === "environment_variables") return raw;
    const variable = referredVariable(raw);
    if (variable === undefined) {
      const meant = muted ? undefined : mistakenReference(raw);
      if (meant !== undefined)
        this.#tell(
          "warning",
          "literal_variable",
          path,
          `${pathText(path)} is taken as it stands: only os.environ/NAME is replaced`,
          `os.environ/${meant}`,
        );
      return raw;
    }
    const found = this.#environment[variable];
    if (found === undefined && !muted)
      this.#diagnostics.push(missingVariable(this.#document, this.#environment, path, variable));
    return found ?? null;
  }

  #unknown(section: Section, name: string, value: Json, path: Path, muted: boolean): Json {
    if (section.unknown === "refused") {
      const message = `${name} is no key of ${section.title}`;
      this.#refuse("unknown_key", path, message, suggestKey(section, name), "key");
      return value;
    }
    if (section.unknown === "told") {
      this.#tell(
        "warning",
        "unknown_key",
        path,
        `${name} is no key of ${section.title === "Top level" ? "a configuration" : section.title}: it has no effect`,
        suggestKey(section, name),
        "key",
      );
      return value;
    }
    const kind = parameterKind(name);
    if (!muted && kind === "unknown price")
      this.#tell("warning", "unknown_key", path, `${name} is no price: it has no effect`, suggestPrice(name), "key");
    else if (!muted && section.unknown === "upstream") this.#tellParameter(name, kind === "gateway", path);
    return this.#read({ kind: "anything" }, value, path, muted);
  }

  #tellParameter(name: string, gateway: boolean, path: Path): void {
    if (gateway) {
      this.#tell("warning", "ignored_key", path, `${name} belongs to a request: in litellm_params it has no effect`);
      return;
    }
    const meant = suggestParameter(name);
    if (meant !== undefined)
      this.#tell("warning", "provider_parameter", path, `${name} goes to the provider as a parameter`, meant, "key");
  }

  #tellFate(section: Section, name: string, key: Key, value: Json, path: Path, muted: boolean): void {
    if (muted || key.status === "supported" || asksForNothing(key.type, value)) return;
    const title = section.title === "Top level" ? name : `${section.title}.${name}`;
    if (this.#told.has(title)) return;
    this.#told.add(title);
    if (key.status === "later")
      this.#tell("warning", "not_yet", path, `${title} has no effect yet: it belongs to ${key.area}`);
    else this.#tell("warning", "ignored_key", path, `${title} has no effect: ${key.reason}`);
  }

  /** Wrong types refuse the file, save in a deployment where a variable's value is at fault: that is skipped alone. */
  #mismatch(type: ValueType, raw: Json, path: Path): null {
    const variable = referredVariable(raw);
    const given = variable === undefined ? valueName(raw) : `what ${variable} holds`;
    const choice = type.kind === "text" && typeof raw === "string" && variable === undefined ? type.choices : undefined;
    const quoted = type.kind === "text" && (typeof raw === "number" || typeof raw === "boolean");
    const message = `${pathText(path)} must be ${typeName(type)}, not ${choice === undefined ? given : JSON.stringify(raw)}${quoted ? ": put it in quotes" : ""}`;
    const meant = choice === undefined ? undefined : closest(raw as string, choice);
    const index = path[1];
    if (variable !== undefined && path[0] === "model_list" && typeof index === "number") {
      this.broken.set(index, refusal("deployment_skipped", message, this.#document.locate(path, "value")));
    } else this.#refuse("invalid_type", path, message, meant);
    return null;
  }

  #refuse(code: string, path: Path, message: string, suggestion?: string, part: "key" | "value" = "value"): void {
    this.refused = true;
    this.#tell("error", code, path, message, suggestion, part);
  }

  #tell(
    severity: Diagnostic["severity"],
    code: string,
    path: Path,
    message: string,
    suggestion?: string,
    part: "key" | "value" = severity === "error" ? "value" : "key",
  ): void {
    this.#diagnostics.push({
      severity,
      code,
      message,
      location: this.#document.locate(path, part),
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
}

/** Whether a value could be of the type, as far as choosing among several types needs to know. */
function fits(type: ValueType, value: Json): boolean {
  switch (type.kind) {
    case "anything":
      return true;
    case "list":
      return Array.isArray(value) && value.every((item: Json) => item === null || fits(type.items, item));
    case "map":
    case "section":
      return isObject(value);
    case "either":
      return type.types.some((candidate) => fits(candidate, value));
    default:
      return readScalar(type, value) !== undefined;
  }
}

/** A key that is set to what holds anyway needs no word about its having no effect. */
function asksForNothing(type: ValueType, value: Json): boolean {
  if (value === null || value === "") return true;
  if (type.kind === "flag") return readScalar(type, value) === type.usual;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Another name in the map that was probably meant to be the missing one. */
function nearName(name: string, names: readonly string[], section: Section): string | undefined {
  const near = closest(
    name,
    names.filter((other) => !section.keys.has(other)),
  );
  return near === undefined ? undefined : `${name} where ${near} is written`;
}
