import { asObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import { nanoOf } from "../object-shape.ts";

/** Largest amount (dollars) that fits its column with room for sums. */
const MOST_DOLLARS = 4e9;

/** A row of LiteLLM's database. A column that its release does not have reads as null. */
export class OldRow {
  readonly #values: JsonObject;

  constructor(values: JsonObject) {
    this.#values = values;
  }

  /** Text, or null; the empty text is null as well. */
  text(column: string): string | null {
    const value = this.#values[column];
    return typeof value === "string" && value !== "" ? value : null;
  }

  number(column: string): number | null {
    const value = this.#values[column];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  }

  flag(column: string): boolean | null {
    const value = this.#values[column];
    return typeof value === "boolean" ? value : null;
  }

  /** Milliseconds since the epoch. LiteLLM's columns have no zone: they are UTC. */
  time(column: string): number | null {
    const value = this.text(column);
    if (value === null) return null;
    const at = Date.parse(/(Z|[+-]\d\d(:?\d\d)?)$/.test(value) ? value : `${value}Z`);
    return Number.isNaN(at) ? null : at;
  }

  /** Dollars that were spent, as nano-dollars: double precision on the other side, so rounded to the ninth digit. */
  nano(column: string): bigint {
    const value = this.number(column) ?? 0;
    return nanoOf(Math.min(Math.max(value, -MOST_DOLLARS), MOST_DOLLARS));
  }

  /** Dollars, or null; what no budget can be is null. */
  dollars(column: string): number | null {
    const value = this.number(column);
    return value === null || Math.abs(value) > MOST_DOLLARS ? null : value;
  }

  names(column: string): readonly string[] {
    const value = this.#json(column);
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
  }

  list(column: string): readonly Json[] {
    const value = this.#json(column);
    return Array.isArray(value) ? (value as readonly Json[]) : [];
  }

  object(column: string): JsonObject {
    return asObject(this.#json(column)) ?? {};
  }

  /** JSON as it is; null where it is empty. */
  json(column: string): Json {
    const value = this.#json(column);
    const empty = Array.isArray(value)
      ? value.length === 0
      : asObject(value) && Object.keys(value as object).length === 0;
    return empty === true ? null : value;
  }

  /** Some releases wrote the text of JSON into columns of JSON. */
  #json(column: string): Json {
    const value = this.#values[column] ?? null;
    return typeof value === "string" ? (parseJson(value) ?? null) : value;
  }
}
