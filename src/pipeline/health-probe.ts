import type { Principal } from "../auth/principal.ts";
import { ERROR_CODES, GatewayError } from "../errors/gateway-error.ts";
import type { FormatId } from "../formats/conversation.ts";
import { formatById } from "../formats/registry.ts";
import type { JsonObject } from "../json/json.ts";
import type { Operation } from "../providers/provider.ts";
import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";
import { readCallControls } from "./call-controls.ts";
import type { Gateway } from "./gateway.ts";
import { handleConversation } from "./handle-conversation.ts";
import { handleOperation } from "./handle-operation.ts";
import type { RequestContext } from "./request-context.ts";

/** LiteLLM's name for the caller of health checks; their rows and their cost stand under it. */
export const HEALTH_CALLER = "litellm-internal-health-check";

const PRINCIPAL: Principal = { keyHash: HEALTH_CALLER, keyAlias: HEALTH_CALLER, role: "internal_user" };

export type HealthOutcome =
  | { readonly status: "healthy"; readonly rateLimits: Readonly<Record<string, string>>; readonly seconds: number }
  | {
      readonly status: "unhealthy";
      readonly error: string;
      /** It may be over in a moment: a rate limit, a time-out, a provider's own trouble. */
      readonly transient: boolean;
      readonly seconds: number;
    }
  /** Nothing cheap could be asked of it. */
  | { readonly status: "unprobed"; readonly reason: string };

/** LiteLLM's prompt and bound for health checks. */
const PROMPT = "test from litellm";
const MAX_TOKENS = 16;
const TIMEOUT_SECONDS = 60;

interface Probe {
  readonly operation: Operation;
  readonly client: FormatId;
  readonly callType: string;
  readonly body: (maxTokens: number) => JsonObject;
  readonly form?: () => FormData;
}

const CHAT: Probe = {
  operation: "chat",
  client: "openai-chat",
  callType: "acompletion",
  body: (max_tokens) => ({ messages: [{ role: "user", content: PROMPT }], max_tokens }),
};

/** The smallest call of each mode. */
const PROBES: Readonly<Record<string, Probe>> = {
  chat: CHAT,
  responses: CHAT,
  completion: {
    operation: "chat",
    client: "openai-completions",
    callType: "atext_completion",
    body: (max_tokens) => ({ prompt: PROMPT, max_tokens }),
  },
  embedding: operation("embeddings", "aembedding", { input: [PROMPT] }),
  rerank: operation("rerank", "arerank", { query: PROMPT, documents: ["my sample text"] }),
  moderation: operation("moderation", "amoderation", { input: PROMPT }),
  image_generation: operation("image-generation", "aimage_generation", { prompt: PROMPT, n: 1 }),
  audio_speech: operation("speech", "aspeech", { input: PROMPT, voice: "alloy" }),
  audio_transcription: { ...operation("transcription", "atranscription", {}), form: silence },
};

function operation(name: Operation, callType: string, body: JsonObject): Probe {
  return { operation: name, client: "openai-chat", callType, body: () => body };
}

/**
 * Calls a deployment once with the smallest request of its `mode`. It is a real request: it cools the deployment down or
 * ends its cooldown, and has a row with its cost. A pattern needs `model_info.health_check_model`.
 */
export async function probeHealth(
  gateway: Gateway,
  snapshot: Snapshot,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<HealthOutcome> {
  const { info, facts } = deployment;
  const mode = facts.mode ?? "chat";
  const probe = PROBES[mode];
  if (probe === undefined) return { status: "unprobed", reason: `there is no cheap call of mode ${mode}` };
  const model = probedModel(deployment);
  if (model.includes("*")) {
    return {
      status: "unhealthy",
      error: "a wildcard deployment is probed by the model named in model_info.health_check_model",
      transient: false,
      seconds: 0,
    };
  }
  const maxTokens = typeof info.health_check_max_tokens === "number" ? info.health_check_max_tokens : MAX_TOKENS;
  const context = contextOf(snapshot, deployment, probe, model, maxTokens, signal);
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  try {
    const handle = probe.operation === "chat" ? handleConversation : handleOperation;
    const response = await handle(gateway, context);
    await response.arrayBuffer();
    return { status: "healthy", rateLimits: rateLimits(response.headers), seconds: seconds() };
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    const transient = error instanceof GatewayError && ERROR_CODES[error.code].retryable;
    return { status: "unhealthy", error: told, transient, seconds: seconds() };
  }
}

function probedModel({ info, provider, upstreamModel }: Deployment): string {
  const own = info.health_check_model;
  if (typeof own !== "string") return upstreamModel;
  return own.startsWith(`${provider}/`) ? own.slice(provider.length + 1) : own;
}

function contextOf(
  snapshot: Snapshot,
  deployment: Deployment,
  probe: Probe,
  probeModel: string,
  maxTokens: number,
  signal: AbortSignal,
): RequestContext {
  const timeout = deployment.info.health_check_timeout;
  const body: JsonObject = {
    model: deployment.id,
    ...probe.body(maxTokens),
    disable_fallbacks: true,
    timeout: typeof timeout === "number" && timeout > 0 ? timeout : TIMEOUT_SECONDS,
    cache: { "no-cache": true, "no-store": true },
  };
  const text = JSON.stringify(body);
  const form = probe.form?.();
  return {
    id: crypto.randomUUID(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request: new Request("http://localhost/health", { signal }),
    client: formatById(probe.client),
    operation: probe.operation,
    callType: probe.callType,
    routeName: "/health",
    principal: PRINCIPAL,
    snapshot,
    text,
    bytes: text.length,
    body,
    ...(form === undefined ? {} : { form }),
    requestedModel: deployment.id,
    probeModel,
    stream: false,
    controls: readCallControls(body, new Headers()),
  };
}

const RATE_LIMIT_HEADER = "x-ratelimit-remaining-";

function rateLimits(headers: Headers): Record<string, string> {
  const found: Record<string, string> = {};
  headers.forEach((value, name) => {
    if (name.startsWith(RATE_LIMIT_HEADER)) found[name] = value;
  });
  return found;
}

const SAMPLE_RATE = 8000;
const WAV_HEADER_BYTES = 44;

/** Half a second of silence as a WAV file: the least that transcribers take. */
function silence(): FormData {
  const samples = SAMPLE_RATE / 2;
  const view = new DataView(new ArrayBuffer(WAV_HEADER_BYTES + samples * 2));
  const text = (at: number, value: string): void => {
    for (let index = 0; index < value.length; index++) view.setUint8(at + index, value.charCodeAt(index));
  };
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, SAMPLE_RATE, true);
  view.setUint32(28, SAMPLE_RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, samples * 2, true);
  const form = new FormData();
  form.append("file", new File([view.buffer], "silence.wav", { type: "audio/wav" }));
  return form;
}
