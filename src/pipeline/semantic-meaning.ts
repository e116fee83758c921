import type { AnswerCache } from "../cache/answer-cache.ts";
import { canonical, relevant, sha256 } from "../cache/cache-key.ts";
import type { SemanticRules } from "../cache/cache-rules.ts";
import type { Meaning } from "../cache/semantic/semantic-index.ts";
import type { ConversationRequest, Part } from "../formats/conversation.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { embed } from "./embedding-call.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";

/** UTF-16 units for one token of a question: a low figure, so that estimates are rather too high. */
const UNITS_PER_TOKEN = 3;

/**
 * What a request asks, for a semantic cache: its last message is the question, and everything before it and beside it must
 * be equal. Undefined where the cache is none, and for questions that are more than text.
 */
export function meaningOf(gateway: Gateway, cache: AnswerCache, context: RequestContext): Meaning | undefined {
  const { semantic } = cache.rules;
  if (semantic === undefined || context.operation !== "chat") return undefined;
  if (gateway.router.of(context.snapshot).resolve(semantic.embeddingModel, context.principal.teamId) === undefined) {
    warnOnce(gateway, context.snapshot, semantic.embeddingModel);
    return undefined;
  }
  const asked = context.client.decodeRequest({ ...relevant(context.body), model: context.requestedModel });
  const question = questionOf(asked);
  if (question === undefined) return undefined;
  if (semantic.maxInputTokens !== undefined && question.length / UNITS_PER_TOKEN > semantic.maxInputTokens) {
    return undefined;
  }
  let vector: Promise<Float32Array | undefined> | undefined;
  return {
    scope: scopeOf(context, asked, semantic),
    vector: () => {
      vector ??= vectorOf(gateway, context, question, semantic);
      return vector;
    },
  };
}

const warned = new WeakSet<Snapshot>();

function warnOnce(gateway: Gateway, snapshot: Snapshot, model: string): void {
  if (warned.has(snapshot)) return;
  warned.add(snapshot);
  gateway.log.warning("no model is called as the semantic cache needs it, so it looks for equal questions only", {
    model,
  });
}

function questionOf({ messages }: ConversationRequest): string | undefined {
  const last = messages.at(-1);
  if (last?.role !== "user" || last.parts.length === 0) return undefined;
  if (!last.parts.every((part) => part.type === "text")) return undefined;
  const text = last.parts.map((part: Part) => (part.type === "text" ? part.text : "")).join("\n");
  return text.trim() === "" ? undefined : text;
}

function scopeOf(context: RequestContext, asked: ConversationRequest, { byEndUser }: SemanticRules): string {
  const { client, principal, stream, streamFraming, controls } = context;
  const last = asked.messages.at(-1);
  return sha256(
    canonical({
      ...asked,
      messages: asked.messages.slice(0, -1),
      // What the last message is beside its text.
      last: { name: last?.name, native: last?.native },
      format: client.id,
      framing: stream ? (streamFraming ?? "sse") : "whole",
      owner: [principal.keyHash, principal.teamId, principal.organizationId],
      endUser: byEndUser ? controls.endUser : undefined,
    }),
  );
}

/** Undefined where the model gives no vector: then only equal questions are found. */
async function vectorOf(
  gateway: Gateway,
  context: RequestContext,
  input: string,
  { embeddingModel, timeout }: SemanticRules,
): Promise<Float32Array | undefined> {
  try {
    return (await embed(gateway, context, { model: embeddingModel, input, timeout }))[0];
  } catch (error) {
    gateway.log.warning("a question has no vector, so the cache looks for equal ones only", {
      model: embeddingModel,
      reason: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}
