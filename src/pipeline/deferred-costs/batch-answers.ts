import type { FormatId } from "../../formats/conversation.ts";
import { formatById } from "../../formats/registry.ts";
import { asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import { operationUsage } from "../../providers/operation-usage.ts";
import type { Operation } from "../../providers/provider.ts";
import type { UpstreamResponse } from "../../upstream/transport.ts";
import type { Usage } from "../../usage/usage.ts";

/** What one answer of a batch used. */
export interface AnswerUsage {
  readonly model: string;
  readonly usage: Usage;
}

/** Answers of a batch are bodies of a few megabytes at most. */
const LONGEST_LINE = 32 * 1024 * 1024;

/** Calls `take` for every line of an answer as it comes; no more than a line is kept. `alive` is called with every piece. */
export function eachLine(response: UpstreamResponse, take: (line: string) => void, alive: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder();
    let rest = "";
    let failed = false;
    const attempt = (work: () => void): void => {
      if (failed) return;
      try {
        work();
      } catch (error) {
        failed = true;
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    response.read({
      data: (chunk) =>
        attempt(() => {
          alive();
          const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
          rest = lines.pop() ?? "";
          if (rest.length > LONGEST_LINE) throw new Error("a line of the batch's answers is longer than 32 MB");
          for (const line of lines) take(line);
        }),
      end: () =>
        attempt(() => {
          take(rest + decoder.decode());
          resolve();
        }),
      fail: reject,
    });
  });
}

/** A line of OpenAI's output file (https://platform.openai.com/docs/guides/batch, 2026-11-26); undefined where nothing was consumed. */
export function batchLineUsage(line: string, endpoint: string, provider: string): AnswerUsage | undefined {
  const parsed = line.trim() === "" ? undefined : parseJson(line);
  const body = asObject(asObject(asObject(parsed)?.response)?.body);
  if (body === undefined) return undefined;
  const model = asString(body.model) ?? "";
  const usage = usageOf(body, endpoint, provider, model);
  return usage === undefined ? undefined : { model, usage };
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "/v1/embeddings": "embeddings",
  "/v1/images/generations": "image-generation",
  "/v1/images/edits": "image-edit",
  "/v1/moderations": "moderation",
};

function usageOf(body: JsonObject, endpoint: string, provider: string, model: string): Usage | undefined {
  const operation = OPERATIONS[endpoint];
  if (operation !== undefined) return operationUsage({ operation, fields: body }, body);
  return formatById(formatOf(endpoint, body)).readUsage(body, { provider, owner: "openai", model });
}

/** Azure names endpoints without `/v1`. */
function formatOf(endpoint: string, body: JsonObject): FormatId {
  if (endpoint.endsWith("/responses") || body.object === "response") return "openai-responses";
  if (endpoint.endsWith("/completions") && !endpoint.endsWith("/chat/completions")) return "openai-completions";
  return "openai-chat";
}

/** A line of Anthropic's results (https://platform.claude.com/docs/en/build-with-claude/batch-processing, 2026-11-26). */
export function messageLineUsage(line: string): AnswerUsage | undefined {
  const parsed = line.trim() === "" ? undefined : parseJson(line);
  const message = isObject(parsed) ? asObject(asObject(parsed.result)?.message) : undefined;
  if (message === undefined) return undefined;
  const model = asString(message.model) ?? "";
  const usage = formatById("anthropic-messages").readUsage(message, {
    provider: "anthropic",
    owner: "anthropic",
    model,
  });
  return usage === undefined ? undefined : { model, usage };
}
