import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import type { Diagnostic, SourceLocation } from "../snapshot/snapshot.ts";

export type Path = readonly (string | number)[];

/** A configuration as it was read: its files merged, with the place of every value. */
export interface LoadedDocument {
  readonly value: JsonObject;
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** Where the value at `path` stands; the nearest enclosing value where it has no place of its own. */
  locate(path: Path): SourceLocation;
}

/** A file that cannot be used at all; nothing of it is in force. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(
      diagnostics
        .map(
          (one) =>
            `${one.location === undefined ? "" : `${one.location.file}:${one.location.line}:${one.location.column}: `}${one.message}`,
        )
        .join("\n"),
    );
    this.diagnostics = diagnostics;
  }
}

interface YamlFile {
  readonly path: string;
  readonly document: Document;
  readonly lines: LineCounter;
  readonly value: JsonObject;
}

/** Where the items of a merged list, or a whole key, come from. */
type Origin =
  | { readonly file: YamlFile }
  | { readonly items: readonly { readonly file: YamlFile; readonly index: number }[] };

export type ReadText = (path: string) => string;

/** Reads a configuration and what it includes. Throws ConfigError for what is no YAML, no map, or is not there. */
export function loadConfig(path: string, options: { readonly readText?: ReadText } = {}): LoadedDocument {
  const readText = options.readText ?? ((file: string) => readFileSync(file, "utf8"));
  const main = readYaml(path, readText, undefined);
  const value: MutableJsonObject = { ...main.value };
  const origins = new Map<string, Origin>(Object.keys(main.value).map((key) => [key, { file: main }]));
  const files = [main.path];
  const diagnostics: Diagnostic[] = [];
  const seen = new Set([resolve(main.path)]);
  // Nested includes are relative to the file that names them.
  const queue = includesOf(main);
  delete value.include;
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const target = resolve(dirname(next.from.path), next.name);
    if (seen.has(target)) continue;
    seen.add(target);
    const included = readYaml(target, readText, { file: next.from, index: next.index, name: next.name });
    files.push(included.path);
    merge(value, origins, included, diagnostics);
    queue.push(...includesOf(included));
  }
  return { value, files, diagnostics, locate: (where) => locate(main, origins, where) };
}

function includesOf(file: YamlFile): { readonly from: YamlFile; readonly name: string; readonly index: number }[] {
  const { include } = file.value;
  if (include === undefined || include === null) return [];
  if (!Array.isArray(include) || !include.every((name) => typeof name === "string")) {
    throw new ConfigError([
      {
        severity: "error",
        code: "invalid_type",
        message: "include must be a list of file names",
        location: placeOf(file, ["include"]),
      },
    ]);
  }
  return (include as string[]).map((name, index) => ({ from: file, name, index }));
}

/** LiteLLM's rule: lists grow, anything else is replaced whole, which is worth a warning. */
function merge(
  value: MutableJsonObject,
  origins: Map<string, Origin>,
  included: YamlFile,
  diagnostics: Diagnostic[],
): void {
  for (const [key, addition] of Object.entries(included.value)) {
    if (key === "include" || addition === undefined) continue;
    const given = value[key];
    if (Array.isArray(given) && Array.isArray(addition)) {
      value[key] = [...(given as readonly Json[]), ...(addition as readonly Json[])];
      origins.set(key, {
        items: [...itemsOf(origins.get(key), given.length), ...addition.map((_, index) => ({ file: included, index }))],
      });
      continue;
    }
    if (given !== undefined && given !== null) {
      diagnostics.push({
        severity: "warning",
        code: "include_replaces",
        message: `${included.path} replaces the whole of ${key}, which another file had set`,
        location: placeOf(included, [key]),
      });
    }
    value[key] = addition;
    origins.set(key, { file: included });
  }
}

function itemsOf(
  origin: Origin | undefined,
  length: number,
): readonly { readonly file: YamlFile; readonly index: number }[] {
  if (origin === undefined) return [];
  if ("items" in origin) return origin.items;
  return Array.from({ length }, (_, index) => ({ file: origin.file, index }));
}

function readYaml(
  path: string,
  readText: ReadText,
  from: { readonly file: YamlFile; readonly index: number; readonly name: string } | undefined,
): YamlFile {
  let text: string;
  try {
    text = readText(path);
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT"
        ? "is not there"
        : `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ConfigError([
      {
        severity: "error",
        code: "file_missing",
        message:
          from === undefined
            ? `the configuration ${path} ${reason}`
            : `Included file not found: ${from.name}: ${path} ${reason}`,
        ...(from === undefined ? {} : { location: placeOf(from.file, ["include", from.index]) }),
      },
    ]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    lineCounter: lines,
    merge: true,
    uniqueKeys: true,
    prettyErrors: false,
  });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return {
          severity: "error" as const,
          code: "yaml_syntax",
          message: error.message,
          location: { file: path, line, column: col },
        };
      }),
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 1000 });
  } catch (cause) {
    throw new ConfigError([
      {
        severity: "error",
        code: "yaml_aliases",
        message: `the aliases of ${path} expand to too much: ${cause instanceof Error ? cause.message : String(cause)}`,
        location: { file: path, line: 1, column: 1 },
      },
    ]);
  }
  if (value === null || value === undefined) value = {};
  if (!isObject(value)) {
    throw new ConfigError([
      {
        severity: "error",
        code: "invalid_type",
        message: `${path} must hold a map of settings`,
        location: { file: path, line: 1, column: 1 },
      },
    ]);
  }
  return { path, document, lines, value };
}

function locate(main: YamlFile, origins: ReadonlyMap<string, Origin>, path: Path): SourceLocation {
  const origin = typeof path[0] === "string" ? origins.get(path[0]) : undefined;
  if (origin === undefined) return placeOf(main, path);
  if ("file" in origin) return placeOf(origin.file, path);
  const item = typeof path[1] === "number" ? origin.items[path[1]] : undefined;
  if (item === undefined) return placeOf(origin.items[0]?.file ?? main, path.slice(0, 1));
  return placeOf(item.file, [path[0] as string, item.index, ...path.slice(2)]);
}

/** The place of the deepest node on the path; of a map's member, its key's. */
function placeOf(file: YamlFile, path: Path): SourceLocation {
  let node: unknown = file.document.contents;
  let offset = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (pair === undefined) break;
      if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step];
      const range = (node as { range?: [number, number, number] | null } | undefined)?.range;
      if (range) offset = range[0];
    } else break;
  }
  const { line, col } = file.lines.linePos(offset);
  return { file: file.path, line: Math.max(line, 1), column: Math.max(col, 1) };
}
