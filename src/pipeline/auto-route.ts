import type { Principal } from "../auth/principal.ts";
import {
  type AutoDecision,
  type AutoInput,
  complexityDecision,
  qualityDecision,
  semanticDecision,
  semanticDefault,
} from "../routing/auto/decision.ts";
import { questionOf } from "../routing/auto/question.ts";
import type { AutoRouter, SemanticRouter } from "../snapshot/auto-router.ts";
import { embed } from "./embedding-call.ts";
import type { Gateway } from "./gateway.ts";
import { requireModel } from "./model-denial.ts";
import type { RequestContext } from "./request-context.ts";

/** The vectors of a router's own words are nobody's request. */
export const AUTO_ROUTER_CALLER = "isthmus-auto-router";

const PRINCIPAL: Principal = {
  keyHash: AUTO_ROUTER_CALLER,
  keyAlias: AUTO_ROUTER_CALLER,
  role: "internal_user",
};
const EMBEDDING_SECONDS = 10;
/** After a failure the words are not embedded again for so long. */
const PAUSE_MS = 5000;

/** The auto router of this name, if the caller may have one; aliases are followed. */
export function autoRouterOf({ snapshot, requestedModel, principal }: RequestContext): AutoRouter | undefined {
  if (snapshot.autoRouters.size === 0) return undefined;
  const router = snapshot.autoRouters.get(snapshot.aliases.get(requestedModel)?.model ?? requestedModel);
  return router?.teamId === undefined || router.teamId === principal.teamId ? router : undefined;
}

/**
 * What an auto router decides for a request; undefined where it has nothing to say. `mayAsk`: whether the embedding model
 * may be called.
 */
export async function autoRoute(
  gateway: Gateway,
  context: RequestContext,
  router: AutoRouter,
  mayAsk: boolean,
): Promise<AutoDecision | undefined> {
  const { principal, controls } = context;
  const input: AutoInput = {
    question: askedIn(context),
    sessionId: controls.sessionId,
    keyHash: principal.keyHash,
    affinity: gateway.router.affinity,
    now: gateway.router.now(),
    random: gateway.router.random,
  };
  switch (router.kind) {
    case "complexity":
      return complexityDecision(router, input);
    case "quality":
      return qualityDecision(router, input);
    case "semantic":
      if (input.question === undefined) return semanticDefault(router, "semantic_no_match");
      if (!mayAsk) return semanticDefault(router, "semantic_not_asked");
      // Nobody makes the gateway call a model who may not use the router.
      if (gateway.gate !== undefined) requireModel(gateway.gate, context, context.requestedModel);
      return semanticRoute(gateway, context, router, input.question);
  }
}

function askedIn(context: RequestContext): string | undefined {
  if (context.operation !== "chat") return undefined;
  return questionOf(context.client.decodeRequest({ ...context.body, model: context.requestedModel }));
}

async function semanticRoute(
  gateway: Gateway,
  context: RequestContext,
  router: SemanticRouter,
  question: string,
): Promise<AutoDecision> {
  const call = { model: router.embeddingModel, timeout: EMBEDDING_SECONDS };
  try {
    const words = await wordsOf(gateway, context, router);
    const [vector] = await embed(gateway, context, { ...call, input: question.slice(0, router.longestInput) });
    return vector === undefined ? semanticDefault(router, "semantic_error") : semanticDecision(router, vector, words);
  } catch (error) {
    // Which model answers is no reason to answer nothing.
    gateway.log.warning("an auto router has no vector of a question, so its default model answers", {
      router: router.name,
      model: router.embeddingModel,
      reason: error instanceof Error ? error.message : String(error),
    });
    return semanticDefault(router, "semantic_error");
  }
}

type Words = readonly (readonly Float32Array[])[];

/** The vectors of each router's own words: asked for once per configuration, by the first request that needs them. */
const known = new WeakMap<SemanticRouter, { readonly words: Promise<Words>; readonly until: number }>();

function wordsOf(gateway: Gateway, context: RequestContext, router: SemanticRouter): Promise<Words> {
  const found = known.get(router);
  if (found !== undefined && performance.now() < found.until) return found.words;
  const words = embedWords(gateway, context, router);
  known.set(router, { words, until: Number.POSITIVE_INFINITY });
  words.catch(() => known.set(router, { words, until: performance.now() + PAUSE_MS }));
  return words;
}

async function embedWords(gateway: Gateway, context: RequestContext, router: SemanticRouter): Promise<Words> {
  // The client that came first may go; its signal is not theirs who come later.
  const request = new Request("http://localhost/");
  const input = router.routes.flatMap(({ utterances }) => utterances.map((text) => text.slice(0, router.longestInput)));
  const call = { model: router.embeddingModel, input, timeout: EMBEDDING_SECONDS, principal: PRINCIPAL };
  const vectors = await embed(gateway, { ...context, request }, call);
  let at = 0;
  return router.routes.map(({ utterances }) => {
    const own = vectors.slice(at, at + utterances.length);
    at += utterances.length;
    return own.filter((vector) => vector !== undefined);
  });
}
