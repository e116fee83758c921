import type { UpstreamFailure } from "../errors/gateway-error.ts";
import type { JsonObject } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { type BaseUrl, parseBase, withoutPath } from "./base-url.ts";
import { missingKey, readBase, readEnvironment, readParameter } from "./credentials.ts";
import { huggingfaceEmbeddings, huggingfaceRerank } from "./huggingface-tasks.ts";
import { wrapList } from "./list-answer.ts";
import { finishWithToolCalls, reasoningContent, repairChat } from "./openai-compatible/normalise.ts";
import { PLAIN_CHAT_RULES } from "./openai-compatible/openai-compatible.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";

const ROUTER = "https://router.huggingface.co";
const KEY_VARIABLES = ["HF_TOKEN", "HUGGINGFACE_API_KEY"];
const BASE_VARIABLES = ["HF_API_BASE", "HUGGINGFACE_API_BASE"];
const BASE_ENDINGS = ["/v1/chat/completions", "/chat/completions", "/v1/embeddings"];
const GENERATE_ENDINGS = ["/generate_stream", "/generate"];
/** LiteLLM's task names before the model: text generation without a chat template. */
const GENERATE_TASK = /^text-generation(-inference)?\//;

/**
 * `options.api` says what the address speaks: `router` (Hugging Face's own, which finds a provider), `chat` (an
 * OpenAI-compatible server), `generate` (TGI's text generation).
 */
function configure(input: ConfigureInput): Target | ConfigureProblem {
  const key = readParameter(input.params, ["api_key"]) ?? readEnvironment(input.environment, KEY_VARIABLES);
  const written = readBase(input, BASE_VARIABLES);
  if (written === undefined) {
    if (key === undefined) return missingKey("Huggingface", KEY_VARIABLES);
    return targetOf({ base: ROUTER, host: "", path: "", query: undefined }, key, { api: "router" });
  }
  const parsed = parseBase(written);
  if ("code" in parsed) return parsed;
  const generate = GENERATE_ENDINGS.find((ending) => parsed.path.endsWith(ending));
  if (generate !== undefined || GENERATE_TASK.test(input.model)) {
    const path = generate === undefined ? "/" : "/generate";
    return targetOf(withoutPath(parsed, GENERATE_ENDINGS), key, { api: "generate", path });
  }
  const address = withoutPath(parsed, BASE_ENDINGS);
  const router = address.base === ROUTER || address.base === `${ROUTER}/v1`;
  if (router && key === undefined) return missingKey("Huggingface", KEY_VARIABLES);
  // Providers behind the router have versions of their own in their paths (`/novita/v3/openai`).
  const versioned = /\/v\d+(\/openai)?$/.test(address.path);
  const chat = versioned && !address.path.endsWith("/v1") ? "/chat/completions" : "/v1/chat/completions";
  const base = { ...address, base: address.base.replace(/\/v1$/, "") };
  return targetOf(base, key, { api: router ? "router" : "chat", path: chat });
}

function targetOf(address: BaseUrl, key: string | undefined, options: Record<string, string>): Target {
  return {
    base: address.base,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    credentials: {},
    options,
    ...(address.query === undefined ? {} : { query: address.query }),
  };
}

const CHAT: Endpoint = {
  format: "openai-chat",
  path: ({ target }) => String(target.options?.path ?? "/v1/chat/completions"),
  parameters: PLAIN_CHAT_RULES,
  normaliseResponse: (body, call) =>
    named(repairChat(body, { messages: [reasoningContent], top: [finishWithToolCalls] }), call),
  normaliseFrame: named,
  frameMarks: ['"id":""', '"id": ""'],
};

const ids = new WeakMap<Call, string>();

/** TGI leaves the id empty (recorded, 3.3.5); clients tell answers apart by it. All chunks of a call get the same. */
function named(body: JsonObject, call: Call): JsonObject {
  if (body.id !== "") return body;
  let id = ids.get(call);
  if (id === undefined) {
    id = `chatcmpl-${crypto.randomUUID()}`;
    ids.set(call, id);
  }
  return { ...body, id };
}

const GENERATE: Endpoint = {
  format: "huggingface-generate",
  path: ({ target, stream }) => {
    const path = String(target.options?.path ?? "/");
    return path === "/generate" && stream ? "/generate_stream" : path;
  },
  exchange: async (request, send) => wrapList(await send(request)),
};

/**
 * The router chooses the provider itself, or takes it behind the model (`org/model:together`), which is the same as
 * LiteLLM's `together/org/model` (https://huggingface.co/docs/inference-providers/index, 2026-11-24).
 */
function upstreamModel(model: string, target: Target): string {
  const name = model.replace(GENERATE_TASK, "");
  if (target.options?.api !== "router") return name;
  const named = /^([^/]+)\/([^/]+\/[^/]+)$/.exec(name);
  if (named === null) return name;
  return `${(named[2] as string).replace(/:[^:/]*$/, "")}:${named[1] as string}`;
}

function classifyError(failure: UpstreamFailure, status: number): UpstreamFailure {
  if (/length limit exceeded/i.test(failure.message)) return { ...failure, code: "context_window_exceeded" };
  if (status < 500 && /a valid user token is required|invalid username or password/i.test(failure.message)) {
    return { ...failure, code: "authentication" };
  }
  return failure;
}

export const huggingface: Provider = {
  id: "huggingface",
  label: "Huggingface",
  documentation: { url: "https://huggingface.co/docs/inference-providers/tasks/chat-completion", read: "2026-11-24" },
  owner: "huggingface",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: ROUTER,
  hosts: ["router.huggingface.co", "api-inference.huggingface.co"],
  key: "optional",
  endpoints: { chat: [CHAT, GENERATE], embeddings: [huggingfaceEmbeddings], rerank: [huggingfaceRerank] },
  selectEndpoint: (operation, _client, call: Call) => {
    if (operation !== "chat") return undefined;
    return call.target.options?.api === "generate" ? GENERATE : CHAT;
  },
  configure,
  upstreamModel,
  classifyError,
};
