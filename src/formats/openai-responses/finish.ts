import { asObject, asString, type JsonObject } from "../../json/json.ts";
import type { FinishReason } from "../conversation.ts";

/** Status and reason of an answer → why it ended; `raw` is the provider's word. */
export function decodeFinish(response: JsonObject, calls: boolean): { reason: FinishReason; raw?: string } {
  const status = asString(response.status);
  if (status === "incomplete") {
    const why = asString(asObject(response.incomplete_details)?.reason);
    return { reason: why === "content_filter" ? "content-filter" : "length", raw: why ?? status };
  }
  if (status === "failed") {
    return { reason: "error", raw: asString(asObject(response.error)?.message) ?? status };
  }
  return { reason: calls ? "tool-calls" : "stop", ...(status === undefined ? {} : { raw: status }) };
}

/** Background answers are read while they are not finished yet. */
const UNFINISHED = new Set(["queued", "in_progress", "cancelled"]);

/** `status`, `incomplete_details` and `error` of an answer. */
export function encodeFinish(reason: FinishReason, raw: string | undefined): JsonObject {
  switch (reason) {
    case "length":
      return { status: "incomplete", error: null, incomplete_details: { reason: "max_output_tokens" } };
    case "content-filter":
      return { status: "incomplete", error: null, incomplete_details: { reason: "content_filter" } };
    case "error":
      return {
        status: "failed",
        error: { code: "server_error", message: raw ?? "the provider ended the answer with an error" },
        incomplete_details: null,
      };
    default:
      return {
        status: raw !== undefined && UNFINISHED.has(raw) ? raw : "completed",
        error: null,
        incomplete_details: null,
      };
  }
}
