import { isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import { scanFrames } from "./frame-scanner.ts";

/**
 * What a model wrote, out of the frames of its stream in any client's format: the strings where a frame holds what is
 * new in it. Names of tools among them are counted too.
 */
export function writtenText(sent: string): string {
  let text = "";
  for (const frame of framesOf(sent)) text += newIn(frame);
  return text;
}

function framesOf(sent: string): JsonObject[] {
  const frames: JsonObject[] = [];
  // Google's clients may get the elements of one array instead of events.
  if (/^\s*[[,]/.test(sent)) {
    const list = parseJson(`[${sent.replace(/^\s*[[,]/, "").replace(/\]\s*$/, "")}]`);
    return Array.isArray(list) ? (list as readonly Json[]).filter(isObject) : frames;
  }
  scanFrames(sent, (data) => {
    const frame = parseJson(data);
    if (isObject(frame)) frames.push(frame);
  });
  return frames;
}

function newIn(frame: JsonObject): string {
  const { type } = frame;
  if (typeof type === "string" && type.startsWith("response.")) {
    return type.endsWith(".delta") && typeof frame.delta === "string" ? frame.delta : "";
  }
  return strings(frame.choices) + strings(frame.candidates) + strings(frame.delta) + strings(frame.content_block);
}

/** Members of the same objects that the model did not write. */
const NOT_WRITTEN: ReadonlySet<string> = new Set(["role", "type", "id", "finish_reason", "finishReason", "signature"]);

function strings(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  let text = "";
  for (const [name, inner] of Object.entries(value) as [string, Json][]) {
    if (!NOT_WRITTEN.has(name)) text += strings(inner);
  }
  return text;
}
