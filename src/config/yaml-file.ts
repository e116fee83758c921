import { readFileSync } from "node:fs";
import { isNode, LineCounter, type Node, parseDocument } from "yaml";
import { isObject, type JsonObject } from "../json/json.ts";
import type { SourceLocation } from "../snapshot/snapshot.ts";
import { ConfigError, type Path, refusal } from "./diagnostics.ts";
import { YamlFault, YamlValue } from "./yaml-value.ts";

/** Reads a text file; throws when it is not there or is no text. */
export type ReadFile = (path: string) => string;

/** The parts of a file that a place can be asked for: a member's name, or what it holds. */
export type Part = "key" | "value";

/** Syntax errors that follow from the first ones tell nothing new. */
const MOST_SYNTAX_ERRORS = 5;

/** One YAML file, with the place of everything in it. */
export class YamlFile {
  readonly path: string;
  readonly value: JsonObject;
  /** Whether nothing but comments stands in it. */
  readonly empty: boolean;
  readonly #lines: LineCounter;
  readonly #contents: Node | null;
  readonly #nodes: YamlValue;

  /** Throws ConfigError for text that is no YAML or no map. */
  constructor(path: string, text: string) {
    this.path = path;
    this.#lines = new LineCounter();
    const document = this.#parse(text);
    this.#contents = document;
    this.#nodes = this.#convert(document);
    const { value } = this.#nodes;
    this.empty = value === null;
    if (value !== null && !isObject(value)) {
      throw new ConfigError([refusal("invalid_type", "a configuration must be a map of settings", this.at(0))]);
    }
    this.value = value ?? {};
  }

  /** The place of the value at `path`, or of the nearest one around it: of a member its name, unless `part` is `value`. */
  locate(path: Path, part: Part = "key"): SourceLocation {
    let node: unknown = this.#contents;
    let offset = offsetOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      const found = this.#nodes.find(node, step);
      if (found === undefined) break;
      const byName = found.key !== undefined && (part === "key" || index < path.length - 1);
      offset = (byName ? offsetOf(found.key) : offsetOf(found.value)) ?? offsetOf(found.key) ?? offset;
      node = found.value;
    }
    return this.at(offset);
  }

  at(offset: number): SourceLocation {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.path, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #parse(text: string): Node | null {
    let document: ReturnType<typeof parseDocument>;
    try {
      // Names given twice are looked for with the other faults: the parser's own search takes the square of their number.
      document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: false, prettyErrors: false });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ConfigError([refusal("yaml_depth", "values are nested too deeply", this.at(0))]);
    }
    const problems = [...document.errors, ...document.warnings];
    if (problems.length > 0) {
      throw new ConfigError(
        problems
          .slice(0, MOST_SYNTAX_ERRORS)
          .map(({ message, pos }) => refusal("yaml_syntax", message, this.at(Math.min(pos[0], text.length)))),
      );
    }
    return document.contents;
  }

  #convert(contents: Node | null): YamlValue {
    let faults: readonly YamlFault[];
    try {
      const nodes = new YamlValue(contents);
      if (nodes.faults.length === 0) return nodes;
      faults = nodes.faults;
    } catch (fault) {
      if (!(fault instanceof YamlFault)) throw fault;
      faults = [fault];
    }
    throw new ConfigError(faults.map(({ code, message, offset }) => refusal(code, message, this.at(offset))));
  }
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** The text of a file that must be UTF-8, without its byte order mark. */
export function readUtf8(path: string): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
}
