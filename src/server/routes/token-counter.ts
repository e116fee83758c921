import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import type { JsonObject } from "../../json/json.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import { requireModel } from "../../pipeline/model-denial.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { countText, promptTokens } from "../../pipeline/token-count.ts";
import { newCallId } from "../call-id.ts";
import { readBody } from "../read-body.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";

/** LiteLLM's counter: how many tokens a prompt, messages or contents are, without calling anybody. */
export const tokenCounterRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/utils/token_counter",
    permission: "key",
    summary: "Tokens of a prompt, of messages or of Google's contents, counted here",
    tag: "llm utils",
    body: z.looseObject({ model: z.string() }),
    handle: count,
  },
];

/**
 * The answer is LiteLLM's `TokenCountResponse`. A model that no group has is counted under its own name. Refuses with
 * `invalid_request` a body without a model or without anything to count, and a model that the key may not use.
 */
async function count({ services, request, principal }: RouteRequest): Promise<Response> {
  if (principal === undefined) throw internalError();
  const snapshot = services.snapshot();
  const { json, text, bytes } = await readBody(request, snapshot.general.maxRequestSizeBytes);
  const { model, prompt } = json;
  if (typeof model !== "string" || model === "") {
    throw new GatewayError("invalid_request", "'model' is missing", { param: "model" });
  }
  const body = conversation(json);
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    client: formatById(json.messages === undefined && json.contents !== undefined ? "gemini" : "openai-chat"),
    operation: "count-tokens",
    callType: "acount_tokens",
    routeName: "/utils/token_counter",
    principal,
    snapshot,
    text,
    bytes,
    body: body ?? json,
    requestedModel: model,
    stream: false,
    controls: readCallControls(json, request.headers, snapshot),
  };
  if (services.gate !== undefined) requireModel(services.gate, context, model);
  const deployment = snapshot.groups.get(snapshot.aliases.get(model)?.model ?? model)?.[0];
  return Response.json({
    total_tokens: body === undefined ? await countText(String(prompt)) : await promptTokens(context),
    request_model: model,
    model_used: deployment?.upstreamModel ?? model,
    tokenizer_type: "openai_tokenizer",
    count_source: "local_estimate",
    original_response: null,
    error: false,
    error_message: null,
    status_code: null,
  });
}

/** The request whose conversation is counted; undefined for a bare prompt, which is counted without a message around it. */
function conversation(json: JsonObject): JsonObject | undefined {
  const { prompt, messages, contents, system, tools } = json;
  const given = (value: unknown): boolean => value !== undefined && value !== null;
  if (!given(messages) && given(contents)) return json;
  if (!given(messages) && typeof prompt !== "string") {
    throw new GatewayError("invalid_request", "prompt or messages or contents must be provided");
  }
  if (!given(messages) && !given(system) && !given(tools)) return undefined;
  const turns = Array.isArray(messages) ? messages : [{ role: "user", content: prompt ?? "" }];
  return {
    ...json,
    messages: given(system) ? [{ role: "system", content: system ?? "" }, ...turns] : turns,
  };
}
