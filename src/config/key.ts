import type { ValueType } from "./value-type.ts";

/** The parts of the gateway that are still to come, as the docs call them. */
export type Area =
  | "formats"
  | "keys"
  | "routing"
  | "cache"
  | "deployment"
  | "observability"
  | "guardrails"
  | "prompts"
  | "MCP";

export type KeyStatus =
  | { readonly status: "supported" }
  /** Read and kept; what it asks for is not done yet and belongs to the area named. */
  | { readonly status: "later"; readonly area: Area }
  /** Accepted without effect, for the reason given. */
  | { readonly status: "ignored"; readonly reason: string };

/** One key of LiteLLM's configuration: what becomes of it, and what its value must be. */
export type Key = KeyStatus & { readonly type: ValueType };

/**
 * What becomes of a key that no table has: told, kept without a word, sent to the provider, or refused with the whole
 * file, where a slip would leave somebody without a limit.
 */
export type UnknownKeys = "told" | "kept" | "upstream" | "refused";

/** A map of the configuration whose keys are known: `router_settings`, one entry of `model_list` … */
export interface Section {
  /** As messages and the documentation call it. */
  readonly title: string;
  readonly keys: ReadonlyMap<string, Key>;
  readonly unknown: UnknownKeys;
  /** Keys that must be there. */
  readonly required: readonly string[];
}

export function section(
  title: string,
  keys: Readonly<Record<string, Key>>,
  options: { readonly unknown?: UnknownKeys; readonly required?: readonly string[] } = {},
): Section {
  return {
    title,
    keys: new Map(Object.entries(keys)),
    unknown: options.unknown ?? "told",
    required: options.required ?? [],
  };
}

export const supported = (type: ValueType): Key => ({ status: "supported", type });
export const later =
  (area: Area) =>
  (type: ValueType): Key => ({ status: "later", area, type });
export const ignored = (reason: string, type: ValueType): Key => ({ status: "ignored", reason, type });
