import { isObject, type JsonObject } from "../../src/json/json.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";
import { anthropicWire } from "./wires/anthropic.ts";
import { bedrockWire } from "./wires/bedrock-converse.ts";
import { geminiWire } from "./wires/gemini.ts";
import { openaiChatWire } from "./wires/openai-chat.ts";
import { openaiResponsesWire } from "./wires/openai-responses.ts";
import type { Reply, Wire } from "./wires/wire.ts";

/** The models of the gateway under test, each at a provider of its own wire format. */
export const MODELS = ["gpt", "claude", "gemini", "bedrock", "responses"] as const;
export type Model = (typeof MODELS)[number];

const WIRES: Readonly<Record<Model, Wire>> = {
  gpt: openaiChatWire,
  claude: anthropicWire,
  gemini: geminiWire,
  bedrock: bedrockWire,
  responses: openaiResponsesWire,
};

export type Answer = Reply | ((request: ReceivedRequest) => Response | Promise<Response>);

/** Five providers on the loopback interface and a gateway in front of them. */
export interface ScriptedProviders {
  readonly gateway: RunningGateway;
  readonly upstream: Upstream;
  /** What the providers answer from now on, one by one; the last answer stays. */
  script(...answers: readonly Answer[]): void;
  /** What is answered to requests for kept responses. */
  keep(answer: (request: ReceivedRequest) => Response): void;
  /** The bodies that have come since `script` was called, refused ones included. */
  bodies(): JsonObject[];
  /** The requests that have come since `script` was called. */
  requests(): ReceivedRequest[];
  stop(): Promise<void>;
}

export interface ScriptedOptions {
  readonly general?: JsonObject;
  readonly library?: JsonObject;
  readonly env?: Readonly<Record<string, string>>;
  /** More entries of `model_list`, made of the providers' address. */
  readonly models?: (origin: string) => readonly JsonObject[];
}

/** Starts them. A provider checks every request as the real one does and refuses what that would refuse. */
export async function startProviders(options: ScriptedOptions = {}): Promise<ScriptedProviders> {
  let answers: readonly Answer[] = [];
  let next = 0;
  let from = 0;
  let keeper: ((request: ReceivedRequest) => Response) | undefined;
  const issued = new Map<Model, Set<string>>(MODELS.map((model) => [model, new Set()]));
  const upstream = startUpstream(async (request) => {
    const [, first] = request.path.split("/");
    const model = MODELS.find((name) => name === first);
    if (model === undefined) return new Response("no such provider", { status: 404 });
    // OpenAI has both endpoints for one model.
    const wire = WIRES[model === "gpt" && request.path.endsWith("/responses") ? "responses" : model];
    const { json } = request;
    if (keeper !== undefined && /\/responses\/resp_/.test(request.path)) return keeper(request);
    if (!isObject(json)) return wire.error(400, "We could not parse the JSON body of your request.");
    // OpenAI's legacy endpoint has a wire of its own, which a test's own function speaks.
    const legacy = /\/v1\/completions$/.test(request.path);
    const complaint = legacy ? undefined : wire.complaint(request, json, issued.get(model) ?? new Set());
    if (complaint !== undefined) return wire.error(400, complaint);
    const answer = answers[Math.min(next++, answers.length - 1)] ?? { text: "hello" };
    if (typeof answer === "function") return answer(request);
    for (const seal of [answer.thinking?.signature, ...(answer.calls ?? []).map(({ signature }) => signature)]) {
      if (seal !== undefined) issued.get(model)?.add(seal);
    }
    return wire.streams(request, json) ? wire.stream(answer) : Response.json(wire.whole(answer));
  });
  const gateway = await startGateway({
    config: JSON.stringify({
      model_list: [...deployments(upstream.url), ...(options.models?.(upstream.url) ?? [])],
      litellm_settings: { num_retries: 0, drop_params: true, ...options.library },
      router_settings: { num_retries: 0, disable_cooldowns: true },
      general_settings: { ...options.general },
    }),
    env: options.env ?? {},
  });
  return {
    gateway,
    upstream,
    script: (...given) => {
      answers = given;
      next = 0;
      from = upstream.requests.length;
    },
    keep: (answer) => {
      keeper = answer;
    },
    bodies: () => upstream.requests.slice(from).flatMap(({ json }) => (isObject(json) ? [json] : [])),
    requests: () => upstream.requests.slice(from),
    stop: async () => {
      await gateway.stop();
      await upstream.stop();
    },
  };
}

function deployments(origin: string): JsonObject[] {
  const named = (model_name: Model, params: JsonObject): JsonObject => ({ model_name, litellm_params: params });
  return [
    named("gpt", { model: "openai/gpt-4.1", api_base: `${origin}/gpt/v1`, api_key: "sk-upstream" }),
    named("claude", {
      model: "anthropic/claude-sonnet-4-5-20250929",
      api_base: `${origin}/claude`,
      api_key: "sk-upstream",
    }),
    named("gemini", { model: "gemini/gemini-3-pro-preview", api_base: `${origin}/gemini/v1beta`, api_key: "key" }),
    named("bedrock", {
      model: "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
      aws_bedrock_runtime_endpoint: `${origin}/bedrock`,
      aws_access_key_id: "AKIAEXAMPLE",
      aws_secret_access_key: "secret",
      aws_region_name: "us-east-1",
    }),
    named("responses", { model: "openai/responses/gpt-5", api_base: `${origin}/responses/v1`, api_key: "sk-upstream" }),
  ];
}
