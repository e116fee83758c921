import { GatewayError, UpstreamError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import { asArray, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import { endpointUrl } from "../../providers/endpoint-url.ts";
import { findProvider } from "../../providers/registry.ts";
import { asCallError } from "../attempt.ts";
import { secretsOf, withoutSecrets } from "../deployment-secrets.ts";
import type { Gateway } from "../gateway.ts";
import { plainCall } from "../plain-call.ts";
import { clientError } from "../provider-error.ts";
import { providerHeaders } from "../provider-headers.ts";
import type { RequestContext } from "../request-context.ts";
import { timeoutOf } from "../time-limits.ts";
import { UpstreamCall } from "../upstream-call.ts";
import type { ResponseReference } from "./response-id.ts";

export interface KeptRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Behind the answer's own address: "" or `/input_items` …. */
  readonly suffix: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** Asks the provider that keeps an answer. Returns its JSON; throws its refusal in the client's words. */
export async function askKeeper(
  gateway: Gateway,
  context: RequestContext,
  reference: ResponseReference,
  request: KeptRequest,
): Promise<JsonObject> {
  const deployment = context.snapshot.deploymentsById.get(reference.deploymentId);
  const provider = deployment === undefined ? undefined : findProvider(deployment.provider);
  const endpoint = provider?.endpoints.chat?.find(({ format }) => format === "openai-responses");
  if (deployment === undefined || provider === undefined || endpoint === undefined) {
    throw new GatewayError("not_found", "The deployment that keeps this response is no longer configured.", {
      param: "response_id",
    });
  }
  const call = plainCall(deployment, "chat");
  const [address = "", query] = endpointUrl(endpoint, call).split("?");
  const queries = [query, request.query.replace(/^\?/, "")].filter((part) => part !== undefined && part !== "");
  const outbound = {
    method: request.method,
    url: `${address}/${encodeURIComponent(reference.id)}${request.suffix}${queries.length === 0 ? "" : `?${queries.join("&")}`}`,
    headers: { ...deployment.target.headers, ...endpoint.headers, ...deployment.settings.extraHeaders },
    body: undefined,
  };
  const seconds = timeoutOf(context, deployment);
  const upstream = new UpstreamCall(gateway, context, {
    provider,
    endpoint,
    call,
    outbound,
    timeoutSeconds: seconds,
    onSend: () => {},
  });
  try {
    const response = await upstream.response();
    const text = withoutSecrets(await response.text(), secretsOf(deployment));
    if (response.status < 200 || response.status > 299) {
      const failure = formatById("openai-responses").decodeError(response.status, text, response.headers as Headers);
      throw new UpstreamError(provider.classifyError?.(failure, response.status, text) ?? failure, {
        headers: providerHeaders(response.headers, deployment),
      });
    }
    const body = parseJson(text);
    if (!isObject(body)) throw new GatewayError("bad_gateway", "the provider answered without a JSON object");
    return body;
  } catch (error) {
    const progress = { sent: true, usage: undefined, textLength: 0, metered: false };
    const failure = asCallError(error, upstream.reason, { outbound }, seconds, progress);
    throw failure instanceof UpstreamError ? clientError(failure, provider, context) : failure;
  } finally {
    upstream.finish();
  }
}

const PAGE = 100;
const MOST_PAGES = 100;

/** The whole conversation of an answer that a provider keeps: its input, earlier turns included, and its output. */
export async function keptItems(
  gateway: Gateway,
  context: RequestContext,
  reference: ResponseReference,
): Promise<readonly JsonObject[]> {
  const answer = await askKeeper(gateway, context, reference, { method: "GET", suffix: "", query: "" });
  const items: JsonObject[] = [];
  let after = "";
  for (let page = 0; page < MOST_PAGES; page++) {
    const list = await askKeeper(gateway, context, reference, {
      method: "GET",
      suffix: "/input_items",
      query: `?order=asc&limit=${PAGE}${after}`,
    });
    const data = asArray(list.data).filter(isObject);
    items.push(...data);
    const last = data.at(-1)?.id;
    if (list.has_more !== true || typeof last !== "string") break;
    after = `&after=${encodeURIComponent(last)}`;
  }
  return [...items, ...asArray(answer.output).filter(isObject)];
}
