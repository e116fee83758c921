import { dirname, resolve } from "node:path";
import type { Json, JsonObject } from "../json/json.ts";
import type { Diagnostic, SourceLocation } from "../snapshot/snapshot.ts";
import { ConfigError, type Path, refusal } from "./diagnostics.ts";
import { type Part, type ReadFile, readUtf8, YamlFile } from "./yaml-file.ts";

export { ConfigError, type Path } from "./diagnostics.ts";

/** A configuration as it was read: its files merged, with the place of every value. */
export interface LoadedDocument {
  /** `os.environ/…` is not resolved yet; `include` is gone. */
  readonly value: JsonObject;
  /** In the order in which they were merged. */
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** Where the value at `path` stands, or the nearest one around it: of a member its name, unless `part` is `value`. */
  locate(path: Path, part?: Part): SourceLocation;
}

/** The file that a top-level key is from or, where several files share a list, the origin of each item. */
type Origin = YamlFile | readonly { readonly file: YamlFile; readonly index: number }[];

/** A file that is named by an `include`. */
interface Inclusion {
  readonly by: YamlFile;
  readonly index: number;
  readonly name: string;
}

/**
 * Reads a configuration and what it includes, nested includes too, each file once. Throws ConfigError for a file that is
 * missing, empty, no UTF-8, no YAML or no map.
 */
export function loadConfig(path: string, options: { readonly readFile?: ReadFile } = {}): LoadedDocument {
  const readFile = options.readFile ?? readUtf8;
  const main = open(path, readFile, undefined);
  // A file that is being replaced is empty for a moment; taking that for a configuration would drop every model.
  if (main.empty) throw new ConfigError([refusal("empty_file", "the configuration is empty", main.at(0))]);
  const merged = new MergedFiles(main);
  const seen = new Set([resolve(path)]);
  const queue = inclusionsOf(main);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const included = openIncluded(next, main, readFile, seen);
    if (included === undefined) continue;
    merged.add(included);
    queue.unshift(...inclusionsOf(included));
  }
  return merged;
}

class MergedFiles implements LoadedDocument {
  readonly diagnostics: Diagnostic[] = [];
  readonly #main: YamlFile;
  readonly #files: string[];
  readonly #values: Map<string, Json>;
  readonly #origins: Map<string, Origin>;

  constructor(main: YamlFile) {
    this.#main = main;
    this.#files = [main.path];
    this.#values = new Map(settingsOf(main));
    this.#origins = new Map([...this.#values.keys()].map((key) => [key, main]));
  }

  get value(): JsonObject {
    return Object.fromEntries(this.#values);
  }

  get files(): readonly string[] {
    return this.#files;
  }

  /** LiteLLM's rule: a list extends a list; anything else replaces the whole key, which its owner may not have meant. */
  add(file: YamlFile): void {
    this.#files.push(file.path);
    for (const [key, addition] of settingsOf(file)) {
      const given = this.#values.get(key);
      if (Array.isArray(given) && Array.isArray(addition)) {
        const origins = [...this.#itemOrigins(key, given.length), ...addition.map((_, index) => ({ file, index }))];
        this.#values.set(key, [...given, ...addition]);
        this.#origins.set(key, origins);
        continue;
      }
      if (given !== undefined && given !== null) this.#tellReplacement(file, key);
      this.#values.set(key, addition);
      this.#origins.set(key, file);
    }
  }

  locate(path: Path, part?: Part): SourceLocation {
    const [key, index] = path;
    const origin = this.#origins.get(String(key));
    if (origin === undefined) return this.#main.locate(path, part);
    if (origin instanceof YamlFile) return origin.locate(path, part);
    const item = typeof index === "number" ? origin[index] : undefined;
    if (item === undefined) return (origin[0]?.file ?? this.#main).locate(path.slice(0, 1), part);
    return item.file.locate([key as string, item.index, ...path.slice(2)], part);
  }

  #itemOrigins(key: string, length: number): readonly { readonly file: YamlFile; readonly index: number }[] {
    const origin = this.#origins.get(key) ?? this.#main;
    if (!(origin instanceof YamlFile)) return origin;
    return Array.from({ length }, (_, index) => ({ file: origin, index }));
  }

  #tellReplacement(file: YamlFile, key: string): void {
    const before = this.locate([key]);
    this.diagnostics.push({
      severity: "warning",
      code: "include_replaces",
      message: `${file.path} replaces the whole of ${key}, which ${before.file} sets in line ${before.line}: an include extends lists and replaces anything else`,
      location: file.locate([key]),
    });
  }
}

function settingsOf(file: YamlFile): [string, Json][] {
  return Object.entries(file.value).flatMap(([key, value]): [string, Json][] =>
    key === "include" || value === undefined ? [] : [[key, value]],
  );
}

function inclusionsOf(file: YamlFile): Inclusion[] {
  const { include } = file.value;
  if (include === undefined || include === null) return [];
  const names = Array.isArray(include) ? (include as readonly Json[]) : undefined;
  if (names === undefined) {
    throw new ConfigError([
      refusal("invalid_type", "include must be a list of file names", file.locate(["include"], "value")),
    ]);
  }
  return names.map((name, index) => {
    if (typeof name === "string" && name !== "") return { by: file, index, name };
    throw new ConfigError([
      refusal("invalid_type", `include[${index}] must be the name of a file`, file.locate(["include", index])),
    ]);
  });
}

/** Relative to the file that names it, else to the main one. Undefined when it was read before. */
function openIncluded(
  inclusion: Inclusion,
  main: YamlFile,
  readFile: ReadFile,
  seen: Set<string>,
): YamlFile | undefined {
  const candidates = [...new Set([inclusion.by, main].map((file) => resolve(dirname(file.path), inclusion.name)))];
  let missing: ConfigError | undefined;
  for (const path of candidates) {
    if (seen.has(path)) return undefined;
    try {
      const file = open(path, readFile, inclusion);
      seen.add(path);
      return file;
    } catch (error) {
      if (!(error instanceof ConfigError) || error.diagnostics[0]?.code !== "file_missing") throw error;
      missing ??= error;
    }
  }
  throw missing;
}

function open(path: string, readFile: ReadFile, inclusion: Inclusion | undefined): YamlFile {
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = missing ? "there is no such file" : cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([
      inclusion === undefined
        ? refusal(missing ? "file_missing" : "file_unreadable", `cannot read the configuration: ${reason}`, {
            file: path,
            line: 1,
            column: 1,
          })
        : refusal(
            missing ? "file_missing" : "file_unreadable",
            `Included file not found: ${inclusion.name} (${path}: ${reason})`,
            inclusion.by.locate(["include", inclusion.index]),
          ),
    ]);
  }
  return new YamlFile(path, text.replace(/^\uFEFF/, ""));
}
