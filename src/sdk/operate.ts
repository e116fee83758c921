import { GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import { formatById } from "../formats/registry.ts";
import { isObject, type JsonObject, type MutableJsonObject, parseJson } from "../json/json.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { operationUsage } from "../providers/operation-usage.ts";
import { applyParameterRules } from "../providers/parameters.ts";
import type { Operation, OutboundRequest } from "../providers/provider.ts";
import { answerExtras } from "./answer-extras.ts";
import type { Settings } from "./call-options.ts";
import type { Answer } from "./converse.ts";
import { sendOnce, withFallbacks, withRetries } from "./send.ts";
import { resolveTarget } from "./target.ts";

/** A file that goes in a form. */
export interface FileField {
  readonly name: string;
  readonly content: Blob;
  readonly filename: string;
}

/** Makes a call that is no conversation. An answer that is no JSON (`response_format: "text"`) becomes `{text}`. */
export function operate(
  operation: Operation,
  model: string,
  body: JsonObject,
  settings: Settings,
  file?: FileField,
): Promise<Answer> {
  return withFallbacks(model, settings, (name, own) =>
    withRetries(own, async () => {
      const { provider, call, entry } = resolveTarget(name, operation, false, own);
      const endpoint = provider.endpoints[operation]?.[0];
      if (endpoint === undefined) {
        throw new GatewayError("invalid_request", `${provider.label} has no endpoint for ${operation}`, {
          param: "model",
        });
      }
      const format = formatById(endpoint.format);
      const fields: MutableJsonObject = { ...body };
      if (format.inUrl === true) delete fields.model;
      else fields.model = call.model;
      if (endpoint.parameters !== undefined) applyParameterRules(fields, endpoint.parameters, call);
      const { headers, body: wire } = written(fields, { ...call.target.headers, ...endpoint.headers }, file);
      const outbound: OutboundRequest = { method: "POST", url: endpointUrl(endpoint, call), headers, body: wire };
      const response = await sendOnce({ provider, endpoint, format, call, outbound }, own);
      const answer = answerOf(await response.text(), response.headers.get("content-type") ?? "");
      const normal = endpoint.normaliseResponse?.(answer, call) ?? answer;
      const usage = operationUsage({ operation, fields: body }, normal);
      return { ...normal, isthmus: answerExtras(name, entry, call.report, usage) } as unknown as Answer;
    }),
  );
}

function written(
  fields: JsonObject,
  headers: Record<string, string>,
  file: FileField | undefined,
): { headers: Record<string, string>; body: OutboundRequest["body"] } {
  if (file === undefined) {
    return { headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(fields) };
  }
  const form = new FormData();
  form.append(file.name, file.content, file.filename);
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      form.append(Array.isArray(value) ? `${name}[]` : name, typeof item === "string" ? item : JSON.stringify(item));
    }
  }
  const { "content-type": _, ...others } = headers;
  return { headers: others, body: form };
}

function answerOf(text: string, type: string): JsonObject {
  const parsed = parseJson(text);
  if (isObject(parsed)) return parsed;
  if (!type.includes("json")) return { text };
  throw new UpstreamError({
    code: "internal",
    message: "the provider answered with a body that is not a JSON object",
  });
}
