import { z } from "zod";
import type { AnswerCache } from "../../cache/answer-cache.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { readBody } from "../read-body.ts";
import type { Route, RouteRequest } from "../route.ts";

/** What an administrator does with the cache of answers. */
export const cacheRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/cache/ping",
    permission: "admin",
    summary: "Whether the cache can be read and written",
    tag: "caching",
    handle: ping,
  },
  {
    method: "POST",
    path: "/cache/delete",
    permission: "admin",
    summary: "Forgets answers by their keys (`x-litellm-cache-key`)",
    tag: "caching",
    body: z.object({ keys: z.array(z.string()) }),
    handle: remove,
  },
  {
    method: "POST",
    path: "/cache/flushall",
    permission: "admin",
    summary: "Forgets all answers",
    tag: "caching",
    handle: flush,
  },
];

const PROBE_KEY = "ping";
const PROBE_SECONDS = 5;

async function ping({ services }: RouteRequest): Promise<Response> {
  const { store, rules, index } = cacheOf(services.cache);
  try {
    await store.ping();
    await index?.ping();
    await store.set(PROBE_KEY, "pong", PROBE_SECONDS);
    const got = await store.get(PROBE_KEY);
    if (got !== "pong") throw new Error("what was written cannot be read");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new GatewayError("service_unavailable", `Service Unhealthy (${reason})`, { type: "cache_ping_error" });
  }
  return Response.json({
    status: "healthy",
    cache_type: store.type,
    ping_response: true,
    set_cache_response: "success",
    litellm_cache_params: {
      type: store.type,
      ttl: rules.ttl,
      namespace: rules.namespace ?? null,
      mode: rules.defaultOn ? "default_on" : "default_off",
      supported_call_types: [...rules.callTypes],
      ...(rules.semantic === undefined
        ? {}
        : {
            similarity_threshold: rules.semantic.threshold,
            embedding_model: rules.semantic.embeddingModel,
          }),
    },
  });
}

async function remove({ services, request }: RouteRequest): Promise<Response> {
  const cache = cacheOf(services.cache);
  const { json } = await readBody(request, services.snapshot().general.maxRequestSizeBytes);
  const { keys } = json;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) {
    throw new GatewayError("invalid_request", "'keys' must be a list of strings", { param: "keys" });
  }
  await cache.delete(keys);
  return Response.json({ status: "success" });
}

async function flush({ services }: RouteRequest): Promise<Response> {
  await cacheOf(services.cache).flush();
  return Response.json({ status: "success" });
}

function cacheOf(cache: AnswerCache | undefined): AnswerCache {
  if (cache !== undefined) return cache;
  throw new GatewayError("service_unavailable", "Cache not initialized. litellm.cache is None", {
    type: "cache_ping_error",
  });
}
