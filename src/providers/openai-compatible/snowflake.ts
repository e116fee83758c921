import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import { type BaseUrl, parseBase } from "../base-url.ts";
import { missingBase, missingKey, readBase, readEnvironment, readKey, readParameter } from "../credentials.ts";
import type { ConfigureInput, Provider } from "../provider.ts";
import { finishWithToolCalls, repairChat } from "./normalise.ts";
import { bearerTarget, openaiCompatible } from "./openai-compatible.ts";

const KEY_VARIABLES = ["SNOWFLAKE_JWT", "SNOWFLAKE_API_KEY"];
const BASE_VARIABLES = ["SNOWFLAKE_API_BASE"];
const PAT_PREFIX = "pat/";
const API_PATH = "/api/v2/cortex/v1";

/** Members that Cortex fills with empty values where OpenAI leaves them out. */
function withoutEmptyMembers(message: JsonObject): JsonObject {
  const empty: string[] = [];
  if (message.audio !== undefined && !asString(asObject(message.audio)?.id)) empty.push("audio");
  if (message.function_call !== undefined && !asString(asObject(message.function_call)?.name))
    empty.push("function_call");
  if (message.refusal === "") empty.push("refusal");
  if (message.tool_calls === null) empty.push("tool_calls");
  if (empty.length === 0) return message;
  return Object.fromEntries(Object.entries(message).filter(([name]) => !empty.includes(name)));
}

/** Each call has a `custom` twin without a name. */
function functionCallsOnly(message: JsonObject): JsonObject {
  const calls = asArray(message.tool_calls);
  const twin = (call: Json) => isObject(call) && call.type === "function" && call.custom !== undefined;
  if (!calls.some(twin)) return message;
  return {
    ...message,
    tool_calls: calls.map((call) => {
      if (!twin(call)) return call;
      const { custom: _, ...rest } = call as JsonObject;
      return rest;
    }),
  };
}

/** Empty ids, names and times of the whole answer. */
function withoutEmptyHead(body: JsonObject): JsonObject {
  const empty = ([name, value]: [string, Json | undefined]) => value === "" || (name === "created" && value === 0);
  const members = Object.entries(body);
  return members.some(empty) ? Object.fromEntries(members.filter((member) => !empty(member))) : body;
}

/** Streams of Claude end with usage and without a finish reason. */
function finishWithUsage(frame: JsonObject): JsonObject {
  if (asArray(frame.choices).length > 0 || !isObject(frame.usage)) return frame;
  return { ...frame, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
}

/** Claude's thinking arrives as `reasoning_details`, the last of which bears the signature. */
function reasoningDetails(message: JsonObject): JsonObject {
  const details = asArray(message.reasoning_details);
  if (details.length === 0 || message.reasoning_content !== undefined) return message;
  let thinking = "";
  let signature = "";
  for (const detail of details) {
    thinking += asString(asObject(detail)?.text) ?? "";
    signature = asString(asObject(detail)?.signature) || signature;
  }
  const signed = signature === "" ? {} : { thinking_blocks: [{ type: "thinking", thinking, signature }] };
  return thinking === "" ? { ...message, ...signed } : { ...message, reasoning_content: thinking, ...signed };
}

const MESSAGES = [withoutEmptyMembers, functionCallsOnly, reasoningDetails];
const repair = (body: JsonObject) =>
  repairChat(body, { messages: MESSAGES, top: [withoutEmptyHead, finishWithToolCalls], finish: { "": "stop" } });
const repairFrame = (body: JsonObject) =>
  repairChat(body, { messages: MESSAGES, top: [withoutEmptyHead, finishWithUsage] });

const row = openaiCompatible({
  id: "snowflake",
  label: "Snowflake",
  documentation: "https://docs.snowflake.com/user-guide/snowflake-cortex/open_ai_sdk",
  keys: KEY_VARIABLES,
  bases: BASE_VARIABLES,
  serves: ["chat", "embeddings"],
  paths: { embeddings: ({ target }) => `${new URL(target.base).origin}/api/v2/cortex/inference:embed` },
  owner: (model) => (model.includes("claude") ? "anthropic" : "snowflake"),
  normaliseResponse: repair,
  normaliseFrame: repairFrame,
});

function addressOf(input: ConfigureInput): BaseUrl | ReturnType<typeof missingBase> {
  const written = readBase(input, BASE_VARIABLES);
  if (written !== undefined) {
    const parsed = parseBase(written);
    return "code" in parsed ? parsed : { ...parsed, base: withApiPath(parsed) };
  }
  const account =
    readParameter(input.params, ["account_id"]) ?? readEnvironment(input.environment, ["SNOWFLAKE_ACCOUNT_ID"]);
  if (account === undefined) return missingBase("Snowflake", [...BASE_VARIABLES, "SNOWFLAKE_ACCOUNT_ID"]);
  return parseBase(`https://${account}.snowflakecomputing.com${API_PATH}`);
}

/** Bases written for the older endpoints of Cortex lead to the OpenAI-compatible one of the same account. */
function withApiPath({ base, path }: BaseUrl): string {
  const root = base.replace(/\/api\/v2(?:\/cortex(?:\/v1(?:\/.*)?|\/inference:[^/]*)?)?$/, "");
  return root === base && path !== "" ? base : `${root}${API_PATH}`;
}

export const snowflake: Provider = {
  ...row,
  configure: (input) => {
    const key = readKey(input, KEY_VARIABLES);
    if (key === undefined) return missingKey("Snowflake", KEY_VARIABLES);
    const address = addressOf(input);
    if ("code" in address) return address;
    const personal = key.startsWith(PAT_PREFIX);
    return bearerTarget(address, personal ? key.slice(PAT_PREFIX.length) : key, {
      "x-snowflake-authorization-token-type": personal ? "PROGRAMMATIC_ACCESS_TOKEN" : "KEYPAIR_JWT",
    });
  },
};
