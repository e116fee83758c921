import { type Alias, isAlias, isMap, isPair, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from "yaml";
import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";

/** Aliases may repeat this many nodes in one file: room for ten thousand deployments that merge ten defaults each. */
const MAX_REPEATED_NODES = 1_000_000;
const MAX_DEPTH = 100;

/** What is wrong with a YAML document although its syntax is right; `offset` counts characters. */
export class YamlFault extends Error {
  override readonly name = "YamlFault";
  readonly code: string;
  readonly offset: number;
  constructor(code: string, message: string, offset: number) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}

interface Converted {
  readonly value: Json;
  /** Nodes in it, those that aliases repeat included. */
  readonly size: number;
}

/** A document's nodes as JSON. Aliases and `<<` are resolved; what cannot be said in JSON is a fault. */
export class YamlValue {
  readonly value: Json;
  readonly faults: YamlFault[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #converted = new Map<Node, Converted | "open">();
  readonly #targets = new Map<Alias, Node>();
  #repeated = 0;

  constructor(contents: Node | null) {
    this.value = contents === null ? null : this.#convert(contents, 0).value;
  }

  /** The member of a map or the item of a list: where its name and where its value stand, merged members included. */
  find(node: unknown, step: string | number): { readonly key?: Scalar; readonly value: unknown } | undefined {
    const target = this.#follow(node);
    if (isSeq(target)) return typeof step === "number" ? { value: this.#follow(target.items[step]) } : undefined;
    if (!isMap(target)) return undefined;
    for (const { key, value } of target.items) {
      if (isScalar(key) && !isMerge(key) && keyText(key) === String(step)) return { key, value: this.#follow(value) };
    }
    for (const { key, value } of target.items.toReversed()) {
      if (!isScalar(key) || !isMerge(key)) continue;
      const from = this.#follow(value);
      for (const source of isSeq(from) ? from.items : [from]) {
        const found = this.find(source, step);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #follow(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #convert(node: Node, depth: number): Converted {
    if (depth > MAX_DEPTH) throw new YamlFault("yaml_depth", "values are nested too deeply", offsetOf(node));
    if (isAlias(node)) return this.#alias(node);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) {
      this.#anchors.set(anchor, node);
      this.#converted.set(node, "open");
    }
    const converted = isMap(node)
      ? this.#map(node, depth)
      : isSeq(node)
        ? this.#list(node.items, depth)
        : { value: this.#scalar(node as Scalar), size: 1 };
    if (anchor !== undefined) this.#converted.set(node, converted);
    return converted;
  }

  #alias(alias: Alias): Converted {
    const target = this.#anchors.get(alias.source);
    const converted = target === undefined ? undefined : this.#converted.get(target);
    if (target === undefined || converted === undefined) {
      throw new YamlFault("yaml_alias", `no anchor &${alias.source} stands before *${alias.source}`, offsetOf(alias));
    }
    if (converted === "open") {
      throw new YamlFault("yaml_alias", `*${alias.source} stands inside &${alias.source} itself`, offsetOf(alias));
    }
    this.#repeated += converted.size;
    if (this.#repeated > MAX_REPEATED_NODES) {
      throw new YamlFault(
        "yaml_aliases",
        `the aliases of this file repeat more than ${MAX_REPEATED_NODES} values`,
        offsetOf(alias),
      );
    }
    this.#targets.set(alias, target);
    return converted;
  }

  #list(items: readonly unknown[], depth: number): Converted {
    const value: Json[] = [];
    let size = 1;
    for (const item of items) {
      const converted = this.#item(item, depth);
      value.push(converted.value);
      size += converted.size;
    }
    return { value, size };
  }

  #item(item: unknown, depth: number): Converted {
    if (item === null || item === undefined) return { value: null, size: 1 };
    // `[a: b]` is a list with a map of one member.
    if (isPair(item)) throw new YamlFault("yaml_shape", "a member stands where a list item should be", 0);
    return this.#convert(item as Node, depth + 1);
  }

  #map(map: YAMLMap, depth: number): Converted {
    const own: MutableJsonObject = {};
    const merged: MutableJsonObject = {};
    const places = new Map<string, Scalar>();
    let size = 1;
    for (const { key, value } of map.items) {
      if (!isScalar(key)) {
        this.faults.push(new YamlFault("yaml_key", "the name of a member must be text", offsetOf(map)));
        continue;
      }
      const converted = this.#item(value, depth);
      size += converted.size;
      if (isMerge(key)) {
        for (const source of this.#sources(converted.value, key).toReversed()) Object.assign(merged, source);
        continue;
      }
      const name = keyText(key);
      if (name === "__proto__") this.faults.push(new YamlFault("yaml_key", `${name} is no usable name`, offsetOf(key)));
      else if (places.has(name)) this.faults.push(duplicate(name, key));
      else {
        places.set(name, key);
        own[name] = converted.value;
      }
    }
    return { value: { ...merged, ...own }, size };
  }

  /** What `<<` merges; of a list the first that has a member wins. */
  #sources(value: Json, key: Scalar): JsonObject[] {
    const sources = (Array.isArray(value) ? value : [value]) as readonly Json[];
    if (sources.every(isObject)) return sources as JsonObject[];
    this.faults.push(new YamlFault("yaml_merge", "<< must merge a map or a list of maps", offsetOf(key)));
    return [];
  }

  #scalar({ value, range }: Scalar): Json {
    if (value === null || value === undefined) return null;
    if (typeof value === "number" && !Number.isFinite(value)) {
      this.faults.push(new YamlFault("yaml_number", "a number must be finite", range?.[0] ?? 0));
      return null;
    }
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : String(value);
  }
}

function isMerge(key: Scalar): boolean {
  return key.value === "<<" && key.type === "PLAIN";
}

/** A member's name as it is written: `2024: x` is the member `2024`. */
function keyText(key: Scalar): string {
  return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
}

function duplicate(name: string, key: Scalar): YamlFault {
  return new YamlFault("duplicate_key", `${name} is given twice in one map`, offsetOf(key));
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
