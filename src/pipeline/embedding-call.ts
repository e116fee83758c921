import type { Principal } from "../auth/principal.ts";
import { normalised } from "../cache/semantic/semantic-index.ts";
import { formatById } from "../formats/registry.ts";
import { asArray, asNumber, asObject, isObject, type JsonObject, parseJson } from "../json/json.ts";
import { readCallControls } from "./call-controls.ts";
import type { Gateway } from "./gateway.ts";
import { handleOperation } from "./handle-operation.ts";
import type { RequestContext } from "./request-context.ts";

export interface EmbeddingCall {
  readonly model: string;
  readonly input: string | readonly string[];
  /** Seconds; default the model's own. */
  readonly timeout?: number | undefined;
  /** Who pays; default the caller. */
  readonly principal?: Principal;
}

/**
 * Vectors of length 1, one for each text, undefined where the answer has none. The call is on the caller's account, with a
 * row of its own, and budgets count it; it is the operator who chose the model, so the caller need not be allowed to call
 * it. Throws what the call throws.
 */
export async function embed(
  gateway: Gateway,
  context: RequestContext,
  { model, input, timeout, principal = context.principal }: EmbeddingCall,
): Promise<readonly (Float32Array | undefined)[]> {
  const body: JsonObject = {
    model,
    input,
    timeout,
    num_retries: 0,
    cache: { "no-cache": true, "no-store": true },
  };
  const text = JSON.stringify(body);
  const { grant } = principal;
  const response = await handleOperation(gateway, {
    id: crypto.randomUUID(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request: new Request("http://localhost/v1/embeddings", { signal: context.request.signal }),
    clientAddress: context.clientAddress,
    client: formatById("openai-chat"),
    operation: "embeddings",
    callType: "aembedding",
    routeName: "/embeddings",
    principal: grant === undefined ? principal : { ...principal, grant: { ...grant, access: [] } },
    snapshot: context.snapshot,
    text,
    bytes: new TextEncoder().encode(text).length,
    body,
    requestedModel: model,
    stream: false,
    controls: {
      ...readCallControls(body, new Headers()),
      ...(principal === context.principal ? { endUser: context.controls.endUser, tags: context.controls.tags } : {}),
    },
  });
  const vectors: (Float32Array | undefined)[] = (Array.isArray(input) ? input : [input]).map(() => undefined);
  const answer = parseJson(await response.text());
  for (const [position, item] of asArray(isObject(answer) ? answer.data : undefined).entries()) {
    const entry = asObject(item);
    const index = asNumber(entry?.index) ?? position;
    if (index < vectors.length) vectors[index] = vectorOf(entry?.embedding);
  }
  return vectors;
}

function vectorOf(values: unknown): Float32Array | undefined {
  if (!Array.isArray(values) || !values.every((value): value is number => typeof value === "number")) return undefined;
  return normalised(values);
}
