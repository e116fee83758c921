import { asArray, asObject, asString, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import type { ConversationRequest, ConversationResponse, Part } from "../conversation.ts";
import type { AnswerContext, ResponseContext } from "../format.ts";
import { encodeAnswerPart } from "./answer-blocks.ts";
import { decodeBlocks } from "./blocks-decode.ts";
import { decodeFinish, encodeFinish } from "./finish.ts";
import { toolsByWireName, usesJsonTool } from "./request-encode.ts";
import { FORMAT, JSON_TOOL, joinMembers, otherMembers } from "./types.ts";
import { decodeUsage, encodeUsage, otherUsage } from "./usage.ts";

const RESPONSE = new Set(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"]);

/** A whole answer of Anthropic's. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const id = asString(body.id);
  const model = asString(body.model);
  const raw = asString(body.stop_reason);
  const stopSequence = asString(body.stop_sequence);
  const usage = decodeUsage(asObject(body.usage));
  const parts = decodeBlocks(asArray(body.content), context.owner).map((part) => restoreCall(part, context.request));
  const calls = parts.some((part) => part.type === "tool-call");
  const extensions = otherAnswer(body);
  return {
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
    choices: [
      {
        index: 0,
        parts,
        finish: finishOf(raw, calls),
        ...(raw === undefined ? {} : { rawFinish: raw }),
        ...(stopSequence === undefined ? {} : { stopSequence }),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
    ...(extensions === undefined ? {} : { extensions: { format: FORMAT, fields: extensions } }),
  };
}

/** The reason; a JSON mode's call that became the answer leaves no call behind. */
export function finishOf(raw: string | undefined, calls: boolean): ReturnType<typeof decodeFinish> {
  return raw === "tool_use" && !calls ? "stop" : decodeFinish(raw, calls);
}

/** What the message says besides its content: `container`, `stop_details`, `usage.inference_geo` … */
export function otherAnswer(message: JsonObject): JsonObject | undefined {
  const rest = otherMembers(message, RESPONSE);
  const usage = otherUsage(asObject(message.usage));
  return usage === undefined ? rest : { ...rest, usage };
}

/** A call as the caller declared its tool: JSON mode's is the answer's text, a custom tool's has free text. */
function restoreCall(part: Part, request: ConversationRequest | undefined): Part {
  if (part.type !== "tool-call") return part;
  if (part.name === JSON_TOOL && usesJsonTool(request)) return { type: "text", text: part.arguments };
  const tool = toolsByWireName(request).get(part.name);
  if (tool?.type === "function" && tool.name !== part.name) return { ...part, name: tool.name };
  if (tool?.type !== "custom") return part;
  return { ...part, name: tool.name, kind: "custom", arguments: customInput(part.arguments) };
}

/** The free text inside the object that stood for a custom tool's input. */
export function customInput(text: string): string {
  return asString(asObject(parseJson(text))?.input) ?? text;
}

/** A whole answer for a client of this format. Anthropic knows one choice: the first. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  const choice = response.choices[0];
  const parts = choice?.parts ?? [];
  const refused = parts.some((part) => part.type === "refusal" && part.text !== "");
  const fields = response.extensions?.format === FORMAT ? response.extensions.fields : {};
  const { usage: otherUsageFields, ...rest } = fields;
  const body: MutableJsonObject = {
    id: response.id ?? context.fallbackId,
    type: "message",
    role: "assistant",
    model: context.model,
    content: parts.flatMap(encodeAnswerPart),
    stop_reason: encodeFinish(choice?.finish ?? "stop", choice?.rawFinish, choice?.stopSequence, refused),
    stop_sequence: choice?.stopSequence ?? null,
    usage: encodeUsage(response.usage, asObject(otherUsageFields)),
  };
  joinMembers(body, rest, "target");
  return body;
}
