import { compileSnapshot } from "../../src/config/compile.ts";
import type { JsonObject } from "../../src/json/json.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";

/** A configuration, compiled as `serve` compiles it, from plain data. */
export function snapshotOf(value: JsonObject): Snapshot {
  return compileSnapshot(
    { value, files: [], diagnostics: [], locate: () => ({ file: "test", line: 1, column: 1 }) },
    { environment: {} },
  );
}

/** One entry of `model_list` that calls nobody. */
export function entry(group: string, id: string, params: JsonObject = {}, info: JsonObject = {}): JsonObject {
  return {
    model_name: group,
    litellm_params: { model: "openai/gpt-4o-mini", api_key: "sk-none", ...params },
    model_info: { id, ...info },
  };
}
