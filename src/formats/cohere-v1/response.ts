import { asArray, asNumber, asObject, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import { utf16Offset } from "../cohere/citations.ts";
import { decodeFinish } from "../cohere/finish.ts";
import { decodeUsage } from "../cohere/usage.ts";
import type { Citation, ConversationResponse, Part } from "../conversation.ts";

/** Answer of `/v1/chat` → conversation. */
export function decodeResponse(body: JsonObject): ConversationResponse {
  const text = asString(body.text) ?? "";
  const id = idOf(body);
  const calls = asArray(body.tool_calls)
    .filter(isObject)
    .map((call, index) => decodeCall(call, index, id ?? ""));
  const citations = decodeCitations(asArray(body.citations).filter(isObject), documentsOf(body), text);
  const parts: Part[] = text === "" ? [] : [{ type: "text", text, ...(citations.length === 0 ? {} : { citations }) }];
  parts.push(...calls);
  const raw = asString(body.finish_reason);
  const usage = readUsage(body);
  return {
    ...(id === undefined ? {} : { id }),
    choices: [
      {
        index: 0,
        parts,
        finish: decodeFinish(raw, calls.length > 0),
        ...(raw === undefined ? {} : { rawFinish: raw }),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
  };
}

export function idOf(body: JsonObject): string | undefined {
  return asString(body.generation_id) ?? asString(body.response_id);
}

/** Version 1 gives calls no ids: theirs follow from the answer's. */
export function decodeCall(call: JsonObject, index: number, answer: string): Extract<Part, { type: "tool-call" }> {
  return {
    type: "tool-call",
    id: `call_${answer}${answer === "" ? "" : "_"}${index}`,
    name: asString(call.name) ?? "",
    arguments: JSON.stringify(call.parameters ?? {}),
  };
}

/** The documents that citations name, by id. */
export function documentsOf(body: JsonObject): ReadonlyMap<string, JsonObject> {
  const documents = asArray(body.documents).filter(isObject);
  return new Map(documents.map((document) => [asString(document.id) ?? "", document]));
}

/** A citation names several documents: each is a citation of its own. */
export function decodeCitations(
  citations: readonly JsonObject[],
  documents: ReadonlyMap<string, JsonObject>,
  text: string,
): Citation[] {
  return citations.flatMap((citation) => {
    const start = asNumber(citation.start);
    const end = asNumber(citation.end);
    const cited = asString(citation.text);
    const ids = asArray(citation.document_ids).filter((id): id is string => typeof id === "string");
    return ids.map((id): Citation => {
      const document = documents.get(id);
      const title = asString(document?.title);
      return {
        ...(start === undefined ? {} : { start: utf16Offset(text, start) }),
        ...(end === undefined ? {} : { end: utf16Offset(text, end) }),
        ...(cited === undefined ? {} : { citedText: cited }),
        url: asString(document?.url) ?? `source:${id}`,
        ...(title === undefined ? {} : { title }),
      };
    });
  });
}

/** `meta`, or the older `token_count`. */
export function readUsage(body: JsonObject): Usage | undefined {
  const counted = asObject(body.token_count);
  if (counted !== undefined) {
    const tokens = { input_tokens: counted.prompt_tokens, output_tokens: counted.response_tokens };
    return decodeUsage({ tokens });
  }
  return decodeUsage(asObject(body.meta));
}
