import { isObject, type Json } from "../json/json.ts";
import { DURATION_SYNTAX } from "./duration.ts";
import { parseNetwork } from "./ip-networks.ts";
import type { Section } from "./key.ts";

/** What the value of a key must be. `null` is always allowed and means unset. */
export type ValueType =
  | { readonly kind: "anything" }
  | { readonly kind: "text"; readonly choices?: readonly string[]; readonly form?: TextForm }
  | { readonly kind: "number"; readonly whole: boolean; readonly least: number | undefined; readonly most?: number }
  /** `usual` is what holds where nothing is set. */
  | { readonly kind: "flag"; readonly usual: boolean }
  | { readonly kind: "list"; readonly items: ValueType }
  | { readonly kind: "map"; readonly values: ValueType }
  /** A map whose members are keys of a table. */
  | { readonly kind: "section"; readonly section: Section }
  | { readonly kind: "either"; readonly types: readonly ValueType[] };

/** What a text must look like, and how messages call it. */
export interface TextForm {
  readonly name: string;
  readonly example: string;
  readonly accepts: (text: string) => boolean;
}

export const anything: ValueType = { kind: "anything" };
export const text: ValueType = { kind: "text" };
export const number: ValueType = { kind: "number", whole: false, least: undefined };
/** A number of zero or more: seconds, dollars, weights. */
export const amount: ValueType = { kind: "number", whole: false, least: 0 };
/** A whole number of zero or more. */
export const count: ValueType = { kind: "number", whole: true, least: 0 };
export const flag: ValueType = { kind: "flag", usual: false };
/** A flag that is on unless it is set. */
export const flagOn: ValueType = { kind: "flag", usual: true };
export const list: ValueType = { kind: "list", items: anything };
export const texts: ValueType = { kind: "list", items: text };
export const map: ValueType = { kind: "map", values: anything };

export const oneOf = (...choices: readonly string[]): ValueType => ({ kind: "text", choices });
export const textOf = (form: TextForm): ValueType => ({ kind: "text", form });
/** An IP address, or a network in CIDR notation. */
export const network: ValueType = textOf({
  name: "an address or a network such as 10.0.0.0/8",
  example: "10.0.0.0/8",
  accepts: (value) => parseNetwork(value) !== undefined,
});
/** How long a budget's period is. */
export const duration: ValueType = textOf({
  name: "a duration such as 30s, 5m, 24h, 7d, 1w or 1mo",
  example: "30d",
  accepts: (value) => DURATION_SYNTAX.test(value),
});
/** A moment: a day is its beginning in UTC, a time of day needs its offset. */
export const moment: ValueType = textOf({
  name: "a time such as 2027-01-31 or 2027-01-31T12:00:00Z",
  example: "2027-01-31",
  accepts: (value) =>
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(value) && !Number.isNaN(Date.parse(value)),
});
export const listOf = (items: ValueType): ValueType => ({ kind: "list", items });
export const mapOf = (values: ValueType): ValueType => ({ kind: "map", values });
export const either = (...types: readonly ValueType[]): ValueType => ({ kind: "either", types });
export const sectionOf = (section: Section): ValueType => ({ kind: "section", section });
/** A text, or a list of them. */
export const textOrTexts: ValueType = either(text, texts);

/** The type in words: `a list of texts`. */
export function typeName(type: ValueType): string {
  switch (type.kind) {
    case "anything":
      return "anything";
    case "text":
      if (type.form !== undefined) return type.form.name;
      return type.choices === undefined ? "text" : `one of ${type.choices.join(", ")}`;
    case "number":
      if (type.most !== undefined) return `a number from ${type.least ?? "any"} to ${type.most}`;
      return `${type.whole ? "a whole number" : "a number"}${type.least === undefined ? "" : ` of at least ${type.least}`}`;
    case "flag":
      return "true or false";
    case "list":
      return type.items.kind === "anything" ? "a list" : `a list, each item ${typeName(type.items)}`;
    case "map":
      return type.values.kind === "anything" ? "a map" : `a map, each value ${typeName(type.values)}`;
    case "section":
      return "a map";
    case "either":
      return type.types.map(typeName).join(", or ");
  }
}

/** The value in words, for messages. Text is not shown: it may be a secret. */
export function valueName(value: Json): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "a map";
  return typeof value === "string" ? "text" : String(value);
}

const TRUE = new Set(["true", "yes", "on", "1"]);
const FALSE = new Set(["false", "no", "off", "0"]);

/** The number that is meant: YAML 1.1 allowed `1_000`, and environment variables are always text. */
export function readNumber(value: Json | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || !/^\s*[-+]?[\d.][\d_.]*(?:e[-+]?\d+)?\s*$/i.test(value)) return undefined;
  const read = Number(value.replaceAll("_", ""));
  return Number.isFinite(read) ? read : undefined;
}

/** The flag that is meant: YAML 1.1, and so LiteLLM, reads `yes` and `on` as true. */
export function readFlag(value: Json | undefined): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const word = String(value).trim().toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
}

/** The value as its type has it (`"3"` → 3, `yes` → true), or undefined where it is none of the type. Not for sections. */
export function readScalar(type: ValueType, value: Json): Json | undefined {
  switch (type.kind) {
    case "text":
      if (typeof value !== "string" || type.choices?.includes(value) === false) return undefined;
      return type.form?.accepts(value) === false ? undefined : value;
    case "flag":
      return readFlag(value);
    case "number": {
      const read = readNumber(value);
      if (read === undefined || (type.whole && !Number.isInteger(read))) return undefined;
      if (type.most !== undefined && read > type.most) return undefined;
      return type.least !== undefined && read < type.least ? undefined : read;
    }
    default:
      return value;
  }
}
