import { asArray, asObject, isObject, type Json, type JsonObject } from "../../../src/json/json.ts";

/** What Converse treats alike, written alike: empty members, and schemas as text with spaces of their own. */
export function normalRequest(body: JsonObject): unknown {
  const bare = JSON.parse(JSON.stringify(body), (key, value) => {
    if (key === "schema" && typeof value === "string") return JSON.parse(value);
    return isEmpty(value) && (key === "inferenceConfig" || key === "system" || key === "stopSequences")
      ? undefined
      : value;
  }) as JsonObject;
  const { inferenceConfig, ...rest } = bare;
  return isEmpty(inferenceConfig) ? rest : bare;
}

function isEmpty(value: Json | undefined): boolean {
  return (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
}

/** An answer without what says nothing: counts of zero, a second name for the same count, empty members and texts. */
export function normalAnswer(body: JsonObject): unknown {
  const usage = Object.fromEntries(
    Object.entries(asObject(body.usage) ?? {}).filter(
      ([name, value]) => !isEmpty(value) && !/TokenCount$/.test(name) && (value !== 0 || !name.startsWith("cache")),
    ),
  );
  const message = asObject(asObject(body.output)?.message);
  const content = asArray(message?.content).map((block) => {
    const call = asObject(asObject(block)?.toolUse);
    if (call?.type !== "tool_use") return block;
    const { type: _, ...rest } = call;
    return { toolUse: rest };
  });
  return { ...body, usage, output: { message: { ...message, content } } };
}
