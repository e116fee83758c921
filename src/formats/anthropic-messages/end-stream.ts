import { asObject, asString, isObject, parseJson } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import { encodeUsage } from "./usage.ts";

const BLOCK_EVENT = /"type": ?"content_block_(?:start|delta|stop)"/;

/** The end, for want of room for more output, of a stream of which the client got `sent`. */
export function endStream(sent: string, usage: Usage): string {
  const delta = { stop_reason: "max_tokens", stop_sequence: null };
  return (
    openBlock(sent) +
    sseFrame(JSON.stringify({ type: "message_delta", delta, usage: encodeUsage(usage, undefined) }), "message_delta") +
    sseFrame(JSON.stringify({ type: "message_stop" }), "message_stop")
  );
}

/** The event that closes the block that was last spoken of, where nothing has closed it. */
function openBlock(sent: string): string {
  const lines = sent.split(/\r?\n/);
  for (let index = lines.length - 1; index >= 0; index--) {
    const line = lines[index] as string;
    if (!line.startsWith("data:") || !BLOCK_EVENT.test(line)) continue;
    const event = parseJson(line.slice(5));
    const type = isObject(event) ? asString(event.type) : undefined;
    if (type === undefined || !type.startsWith("content_block_")) continue;
    if (type === "content_block_stop") return "";
    const stop = { type: "content_block_stop", index: asObject(event)?.index ?? 0 };
    return sseFrame(JSON.stringify(stop), "content_block_stop");
  }
  return "";
}
