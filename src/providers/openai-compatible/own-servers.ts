import { isObject, type MutableJsonObject } from "../../json/json.ts";
import type { BaseUrl } from "../base-url.ts";
import type { Call } from "../provider.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";
import { resolveAddress } from "./openai-compatible.ts";

/** Only schemas are known: any object is the schema that JSON mode means. */
function jsonObjectAsSchema(body: MutableJsonObject, call: Call): void {
  const format = body.response_format;
  if (!isObject(format) || format.type !== "json_object") return;
  body.response_format = { type: "json_schema", json_schema: { name: "json", schema: { type: "object" } } };
  call.report.converted("response_format", "LM Studio knows only schemas: any object is one");
}

/** `api_base` ends at the engine in LiteLLM's configurations; the API begins at `/v1` below it. */
function engineAddress(_input: unknown, given: BaseUrl | undefined) {
  const address = resolveAddress("DockerModelRunner", "http://localhost:22088/engines/llama.cpp/v1", [], given);
  if ("code" in address || address.path.endsWith("/v1")) return address;
  return { ...address, base: `${address.base}/v1`, path: `${address.path}/v1` };
}

/** Another gateway of the same kind: whatever the client said is its business. */
const PASS_EVERYTHING = { rules: { chat: { keepCacheControl: true } } } satisfies Partial<OpenAiCompatibleRow>;

/** Servers that people run themselves; keys are optional, addresses often needed. */
export const OWN_SERVERS: readonly OpenAiCompatibleRow[] = [
  {
    id: "hosted_vllm",
    aliases: ["vllm"],
    label: "HostedVLLM",
    documentation: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    keys: ["HOSTED_VLLM_API_KEY"],
    bases: ["HOSTED_VLLM_API_BASE"],
    key: "optional",
    serves: ["chat", "responses", "completions", "embeddings", "rerank", "transcription", "translation"],
    // Not vLLM itself, but what people put in front of it.
    resources: { kinds: ["files", "batches"] },
  },
  {
    id: "lm_studio",
    label: "LMStudio",
    documentation: "https://lmstudio.ai/docs/developer/openai-compat",
    base: "http://localhost:1234/v1",
    keys: ["LM_STUDIO_API_KEY"],
    bases: ["LM_STUDIO_API_BASE"],
    key: "optional",
    serves: ["chat", "responses", "completions", "embeddings"],
    parameters: { custom: jsonObjectAsSchema },
  },
  {
    id: "llamafile",
    aliases: ["llamacpp"],
    label: "Llamafile",
    documentation: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
    base: "http://127.0.0.1:8080/v1",
    keys: ["LLAMAFILE_API_KEY"],
    bases: ["LLAMAFILE_API_BASE"],
    key: "optional",
    serves: ["chat", "completions", "embeddings"],
  },
  {
    id: "xinference",
    label: "Xinference",
    documentation: "https://inference.readthedocs.io/en/latest/user_guide/client_api.html",
    base: "http://127.0.0.1:9997/v1",
    keys: ["XINFERENCE_API_KEY"],
    bases: ["XINFERENCE_API_BASE"],
    key: "optional",
    serves: ["chat", "completions", "embeddings", "rerank", "image-generation", "transcription", "speech"],
  },
  {
    id: "lemonade",
    label: "Lemonade",
    documentation: "https://lemonade-server.ai/docs/server/server_spec/",
    base: "http://localhost:8000/api/v1",
    keys: ["LEMONADE_API_KEY"],
    bases: ["LEMONADE_API_BASE"],
    key: "optional",
    serves: ["chat", "responses", "completions", "embeddings", "rerank"],
  },
  {
    id: "docker_model_runner",
    label: "DockerModelRunner",
    documentation: "https://docs.docker.com/ai/model-runner/api-reference/",
    base: "http://localhost:22088/engines/llama.cpp/v1",
    keys: ["DOCKER_MODEL_RUNNER_API_KEY"],
    bases: ["DOCKER_MODEL_RUNNER_API_BASE"],
    key: "optional",
    serves: ["chat", "completions", "embeddings"],
    address: engineAddress,
  },
  {
    id: "oobabooga",
    label: "Oobabooga",
    documentation: "https://github.com/oobabooga/text-generation-webui/wiki/12-%E2%80%90-OpenAI-API",
    base: "http://127.0.0.1:5000/v1",
    keys: ["OOBABOOGA_API_KEY"],
    bases: ["OOBABOOGA_API_BASE"],
    key: "optional",
    serves: ["chat", "completions", "embeddings"],
  },
  {
    id: "sglang",
    label: "SGLang",
    documentation: "https://docs.sglang.ai/basic_usage/openai_api.html",
    base: "http://127.0.0.1:30000/v1",
    keys: ["SGLANG_API_KEY"],
    bases: ["SGLANG_API_BASE"],
    key: "optional",
    serves: ["chat", "completions", "embeddings", "rerank"],
  },
  {
    id: "localai",
    label: "LocalAI",
    documentation: "https://localai.io/features/text-generation/",
    base: "http://127.0.0.1:8080/v1",
    keys: ["LOCALAI_API_KEY"],
    bases: ["LOCALAI_API_BASE"],
    key: "optional",
    serves: ["chat", "completions", "embeddings", "rerank", "image-generation", "transcription", "speech"],
  },
  {
    id: "openai_like",
    aliases: ["custom_openai", "aiohttp_openai"],
    label: "OpenAILike",
    documentation: "https://developers.openai.com/api/reference/overview",
    keys: ["OPENAI_LIKE_API_KEY"],
    bases: ["OPENAI_LIKE_API_BASE"],
    key: "optional",
    serves: [
      "chat",
      "responses",
      "completions",
      "embeddings",
      "rerank",
      "image-generation",
      "image-edit",
      "transcription",
      "translation",
      "speech",
      "moderation",
    ],
  },
  {
    id: "litellm_proxy",
    label: "LitellmProxy",
    documentation: "https://docs.litellm.ai/docs/proxy/user_keys",
    keys: ["LITELLM_PROXY_API_KEY"],
    bases: ["LITELLM_PROXY_API_BASE"],
    key: "optional",
    serves: [
      "chat",
      "responses",
      "completions",
      "embeddings",
      "rerank",
      "image-generation",
      "image-edit",
      "image-variation",
      "transcription",
      "translation",
      "speech",
      "moderation",
      "ocr",
      "realtime",
    ],
    resources: {
      kinds: ["files", "batches", "fine-tuning", "vector-stores", "assistants", "containers", "evals", "videos"],
    },
    ...PASS_EVERYTHING,
  },
];
